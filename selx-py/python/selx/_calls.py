"""What is to be run or planned, kept for later."""

from __future__ import annotations

from .errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping
    from typing import Any, Optional, Union

    _Span = Union[float, str, datetime.timedelta]
    _Limits = Mapping[str, Mapping[str, Any]]
    _Spec = tuple[str, str, Optional[_Span], Optional[Mapping[str, Any]], dict[str, Any]]


class Check:
    """A check that is to be run: what ``check`` is called with, kept for later. Without a name it is called after its place
    among those of ``check_many``.

    >>> selx.Check("http", url="https://shop.example.org/health", timeout=5)
    <selx.Check http>
    """

    __slots__ = ("kind", "limits", "name", "settings", "timeout")

    def __init__(
        self,
        kind: str,
        name: Optional[str] = None,
        /,
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


class Action:
    """An action that is to be planned: what stands below ``[action.KIND.NAME]`` in a file, as keywords.

    ``permit`` is what it may do by itself, such as ``{"risk": "safe"}``; without it, nothing. ``timeout`` is the time of the
    whole run, in seconds, or a text such as ``"2h"``, or a ``timedelta``. The other keywords are the kind's settings, with
    ``_`` for ``-``.

    >>> selx.Action("logs-clean", path="/var/log/shop", older_than="30d")
    <selx.Action logs-clean.python>
    """

    __slots__ = ("kind", "name", "permit", "settings", "timeout")

    def __init__(
        self,
        kind: str,
        name: str = "python",
        /,
        *,
        timeout: Optional[_Span] = None,
        permit: Optional[Mapping[str, Any]] = None,
        **settings: Any,
    ) -> None:
        self.kind = kind
        self.name = name
        self.timeout = timeout
        self.permit = permit
        self.settings = settings

    def __repr__(self) -> str:
        return f"<selx.Action {self.kind}.{self.name}>"

    def _spec(self) -> _Spec:
        return (self.kind, self.name, self.timeout, self.permit, self.settings)


def specs(checks: Iterable[Check]) -> list[_Spec]:
    """Returns checks as the native module takes them."""
    found: list[_Spec] = []
    for index, check in enumerate(checks):
        if not isinstance(check, Check):
            raise TypeError(f"checks[{index}] is a {type(check).__name__}; wanted is a selx.Check")
        name = check.name if check.name is not None else f"python-{index}"
        found.append((check.kind, name, check.timeout, check.limits, check.settings))
    return found


def at_once(concurrency: int) -> int:
    """Returns how many checks run at once, if that is a number of them."""
    if concurrency < 1:
        raise UsageError(f"`concurrency` is at least 1, not {concurrency}")
    return concurrency
