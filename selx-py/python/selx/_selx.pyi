"""The types of the native module."""

import datetime
import os
from collections.abc import Mapping
from typing import Any, Literal, Optional, Union, final

__all__ = ["Attempt", "Finding", "Kind", "Measure", "Report", "Result", "__version__", "check", "kinds", "run"]

__version__: str

_Status = Literal["skipped", "ok", "warning", "unknown", "critical"]
_Severity = Literal["info", "warning", "unknown", "critical"]
_Span = Union[float, str, datetime.timedelta]

@final
class Kind:
    """A kind of check."""

    @property
    def id(self) -> str:
        """The name, such as ``host-disk``: the first argument of ``check``."""
    @property
    def area(self) -> str:
        """The part of an operator's world that it looks at, such as ``host``."""
    @property
    def summary(self) -> str:
        """One line: what it tells its reader."""
    @property
    def routines(self) -> list[str]:
        """The routines it belongs to unless a configuration says otherwise."""

@final
class Finding:
    """One thing that a check has to say about one subject."""

    @property
    def code(self) -> str:
        """The documented code, such as ``expires-soon``; that of a limit is ``limit-`` and the measure."""
    @property
    def severity(self) -> _Severity: ...
    @property
    def subject(self) -> str:
        """What it is about: a mount point, an address, a file. Empty if it is about the whole check."""
    @property
    def message(self) -> str:
        """One line that reads well after the subject."""
    @property
    def advice(self) -> Optional[str]:
        """What to do."""
    @property
    def evidence(self) -> list[tuple[str, str]]:
        """Pairs that prove it."""

@final
class Measure:
    """One number, with what its limit said."""

    @property
    def name(self) -> str: ...
    @property
    def subject(self) -> str:
        """What it was measured on; empty if the check has one subject only."""
    @property
    def value(self) -> Optional[float]:
        """The number in the base unit: bytes, seconds, a share from 0 to 1. ``None`` if it was not finite."""
    @property
    def unit(self) -> str:
        """``bytes``, ``seconds``, ``ratio``, ``count``, ``per-second`` or ``bytes-per-second``."""
    @property
    def level(self) -> Optional[Literal["ok", "warning", "critical"]]:
        """What its limit said; ``None`` if no limit holds for it."""
    @property
    def warning(self) -> Optional[str]:
        """The warning limit as it was written."""
    @property
    def critical(self) -> Optional[str]:
        """The critical limit as it was written."""

@final
class Attempt:
    """An attempt that did not count because another followed."""

    @property
    def status(self) -> _Status: ...
    @property
    def reason(self) -> str: ...
    @property
    def took(self) -> float:
        """Seconds."""

@final
class Result:
    """What one check came to."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def status(self) -> _Status: ...
    @property
    def ok(self) -> bool:
        """Whether it was looked at and is as it should be. Skipped and unknown are not ok."""
    @property
    def headline(self) -> str:
        """The line that tells most: the failure, the worst finding, or the summary."""
    @property
    def summary(self) -> str:
        """One line: what was seen, healthy or not. Empty if nothing was."""
    @property
    def findings(self) -> list[Finding]: ...
    @property
    def measures(self) -> list[Measure]: ...
    @property
    def attempts(self) -> list[Attempt]:
        """The attempts before the one that counted."""
    @property
    def took(self) -> float:
        """Seconds, all attempts together."""
    def to_dict(self) -> dict[str, Any]:
        """The entry of report version 1."""

@final
class Report:
    """What a run came to."""

    @property
    def status(self) -> _Status:
        """The worst of its results and notices. A run that saw nothing is unknown."""
    @property
    def ok(self) -> bool: ...
    @property
    def results(self) -> list[Result]:
        """The results in the order of the configuration."""
    @property
    def notices(self) -> list[Finding]:
        """What is to be said about the run itself."""
    @property
    def exit_code(self) -> int:
        """0 ok, 1 warning, 2 critical, 3 unknown."""
    def to_dict(self) -> dict[str, Any]:
        """The whole report, version 1."""
    def to_json(self) -> str:
        """The whole report, version 1, as text."""

def check(
    kind: str,
    name: str = "python",
    *,
    timeout: Optional[_Span] = None,
    limits: Optional[Mapping[str, Mapping[str, Any]]] = None,
    **settings: Any,
) -> Result:
    """Runs one check of a kind.

    ``timeout`` is in seconds, or a text such as ``"5s"``, or a ``timedelta``. ``limits`` is what stands under ``limits``
    in a file. The other keywords are the kind's settings (``selx explain KIND``), with ``_`` for ``-``; ``None`` leaves
    a setting at its default.

    Raises ``UsageError`` for an unknown kind and ``ConfigError`` for a wrong setting; what the check finds, a hang
    included, is in the result.
    """

def run(*names: str, config: Optional[Union[str, os.PathLike[str]]] = None) -> Report:
    """Runs checks by routine, kind, name or ``kind.name``; ``daily`` without names.

    The configuration is ``config``, or the file that ``selx`` itself would find; without any, what the kinds
    discover on this host is run.

    Raises ``UsageError`` for a name that selects nothing and ``ConfigError`` for a wrong file.
    """

def kinds() -> list[Kind]:
    """Returns every kind, in the order of their names."""
