"""The calls that are made of others: many checks at once, and the same in an event loop."""

import datetime
import os
from collections.abc import Iterable, Mapping
from typing import Any, Optional, Union

from . import _selx
from ._selx import Report, Result
from .errors import UsageError

_Span = Union[float, str, datetime.timedelta]
_Limits = Mapping[str, Mapping[str, Any]]

# Threads are not inherited: a process that was forked starts its own.
os.register_at_fork(after_in_child=_selx._forked)


class Check:
    """A check that is to be run: what ``check`` is called with, kept for later.

    >>> import selx
    >>> selx.Check("http", url="https://shop.example.org/health", timeout=5)
    <selx.Check http>
    """

    __slots__ = ("kind", "limits", "name", "settings", "timeout")

    def __init__(
        self,
        kind: str,
        name: Optional[str] = None,
        *,
        timeout: Optional[_Span] = None,
        limits: Optional[_Limits] = None,
        **settings: Any,
    ) -> None:
        self.kind = kind
        self.name = name
        self.timeout = timeout
        self.limits = limits
        self.settings = settings

    def __repr__(self) -> str:
        # Settings stay out of it: an address may have a password in it.
        return f"<selx.Check {self.kind}{'.' + self.name if self.name else ''}>"


def _specs(checks: Iterable[Check]) -> "list[_selx._Spec]":
    specs: "list[_selx._Spec]" = []
    for index, check in enumerate(checks):
        if not isinstance(check, Check):
            raise TypeError(f"checks[{index}] is a {type(check).__name__}; wanted is a selx.Check")
        name = check.name if check.name is not None else f"python-{index}"
        specs.append((check.kind, name, check.timeout, check.limits, check.settings))
    return specs


def _at_once(concurrency: int) -> int:
    if concurrency < 1:
        raise UsageError(f"`concurrency` is at least 1, not {concurrency}")
    return concurrency


def check_many(checks: Iterable[Check], *, concurrency: int = 64) -> list[Result]:
    """Runs checks side by side, ``concurrency`` of them at a time, and returns their results in their order.

    It raises what ``check`` raises, once for all checks, before any of them is run. Without names they are called
    ``python-0`` and so on.
    """
    specs = _specs(checks)
    return _selx._check_many(specs, _at_once(concurrency)) if specs else []


async def check_async(
    kind: str,
    name: str = "python",
    *,
    timeout: Optional[_Span] = None,
    limits: Optional[_Limits] = None,
    **settings: Any,
) -> Result:
    """Runs one check like ``check``, while the event loop goes on. Where the task is cancelled, so is the check."""
    return await _selx._check_async(kind, name, timeout, limits, settings)


async def check_many_async(checks: Iterable[Check], *, concurrency: int = 64) -> list[Result]:
    """Runs checks like ``check_many``, while the event loop goes on."""
    specs = _specs(checks)
    return await _selx._check_many_async(specs, _at_once(concurrency)) if specs else []


async def run_async(*names: str, config: Optional[Union[str, "os.PathLike[str]"]] = None) -> Report:
    """Runs checks like ``run``, while the event loop goes on."""
    return await _selx._run_async(list(names), config)
