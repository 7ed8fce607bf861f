"""Checks as assertions, and the contract of kinds of one's own, for any test framework. ``pytest`` finds its own plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from ._selx import Report, Result, _is_one_of

if TYPE_CHECKING:
    import os
    from collections.abc import Collection

    from ._calls import Action
    from ._registry import Registry

    _Path = Union[str, "os.PathLike[str]"]


def assert_ok(looked: Union[Result, Report], *, allow: Union[str, Collection[str]] = ()) -> None:
    """Fails with all that there is to say, unless a result or a report is ok. ``allow`` names another status that will do, or
    several.

    >>> selx.testing.assert_ok(selx.check("host-memory"), allow=("warning", "critical"))
    """
    __tracebackhide__ = True
    allowed = {allow} if isinstance(allow, str) else set(allow)
    for status in allowed:
        _is_one_of("status", status)
    if looked.status != "ok" and looked.status not in allowed:
        raise AssertionError(str(looked))


def assert_contract(registry: Registry, kind: str, folder: _Path) -> None:
    """Fails with everything in which a kind breaks the contract that those of selx keep to: its page, its sample, its settings,
    and for a check its testcases, all in one folder: ``README.md``, ``sample.toml``, ``testcases/*.json``."""
    __tracebackhide__ = True
    violations = registry._native.violations(kind, folder)
    if violations:
        raise AssertionError("\n- ".join([f"`{kind}` breaks the contract:", *violations]))


def assert_life(registry: Registry, action: Action, state: _Path) -> None:
    """Takes an action through a life, in a world that may be changed: a plan, a wrong confirmation, the right one, and the
    same plan once more. There has to be something to do, and it is done. ``state`` is a folder for locks and journals."""
    __tracebackhide__ = True
    violations = registry._native.life(action._spec(), state)
    if violations:
        raise AssertionError("\n- ".join([f"`{action.kind}` breaks the contract:", *violations]))
