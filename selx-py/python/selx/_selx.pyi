"""The types of the native module."""

import datetime
import os
from collections.abc import Awaitable, Iterator, Mapping
from typing import Any, Literal, Optional, Union, final

__all__ = [
    "Attempt",
    "Failure",
    "Finding",
    "Kind",
    "Measure",
    "Report",
    "Result",
    "__version__",
    "_check_async",
    "_check_many",
    "_check_many_async",
    "_forked",
    "_restore",
    "_run_async",
    "_settle",
    "check",
    "kinds",
    "run",
]

__version__: str

_Status = Literal["skipped", "ok", "warning", "unknown", "critical"]
_Severity = Literal["info", "warning", "unknown", "critical"]
_Rows = Literal["results", "findings", "measures"]
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
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

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
    @property
    def fix(self) -> Optional[str]:
        """The action that mends it, if there is one."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

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
    def whole(self) -> Optional[float]:
        """What the value is a part of, in the same unit."""
    @property
    def window(self) -> Optional[float]:
        """How many seconds the value speaks for, if it is an average or a rate."""
    @property
    def level(self) -> Optional[Literal["ok", "warning", "critical"]]:
        """What its limit said; ``None`` if no limit holds for it."""
    @property
    def warning(self) -> Optional[str]:
        """The warning limit as it was written."""
    @property
    def critical(self) -> Optional[str]:
        """The critical limit as it was written."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Failure:
    """Why something could not be seen."""

    @property
    def kind(self) -> str:
        """``unreachable``, ``no-answer``, ``timed-out``, ``denied`` and others."""
    @property
    def message(self) -> str:
        """What, where and why, one line."""
    @property
    def advice(self) -> Optional[str]:
        """What to do."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

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
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

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
    def failure(self) -> Optional[Failure]:
        """Why it could not be looked at, or why there was nothing to look at."""
    @property
    def findings(self) -> list[Finding]: ...
    @property
    def measures(self) -> list[Measure]: ...
    @property
    def evidence(self) -> list[tuple[str, str]]:
        """Pairs worth knowing, whatever the status."""
    @property
    def faults(self) -> list[Failure]:
        """Parts of the subject that could not be looked at."""
    @property
    def attempts(self) -> list[Attempt]:
        """The attempts before the one that counted."""
    @property
    def caused_by(self) -> Optional[str]:
        """The check whose failure explains this one's, ``kind.name``."""
    @property
    def started(self) -> datetime.datetime:
        """When the look began, in UTC."""
    @property
    def took(self) -> float:
        """Seconds, all attempts together."""
    def to_dict(self) -> dict[str, Any]:
        """The entry of report version 1."""
    def __bool__(self) -> bool:
        """What ``ok`` says."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

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
    def counts(self) -> dict[_Status, int]:
        """How many results there are of each status."""
    @property
    def run(self) -> str:
        """The id of the run; later ones of one host sort behind earlier ones."""
    @property
    def routine(self) -> Optional[str]:
        """The routine, if the run was one."""
    @property
    def host(self) -> str: ...
    @property
    def started(self) -> datetime.datetime:
        """When the run began, in UTC."""
    @property
    def took(self) -> float:
        """Seconds."""
    @property
    def exit_code(self) -> int:
        """0 ok, 1 warning, 2 critical, 3 unknown."""
    def to_dict(self) -> dict[str, Any]:
        """The whole report, version 1."""
    def to_json(self) -> str:
        """The whole report, version 1, as text."""
    def rows(self, of: _Rows = "results") -> list[dict[str, Any]]:
        """Flat rows with the same keys, of the results, their findings, or their measures."""
    def to_pandas(self, of: _Rows = "results") -> Any:
        """Such rows as a ``pandas.DataFrame``. Raises ``ImportError`` where pandas is not there."""
    def to_polars(self, of: _Rows = "results") -> Any:
        """Such rows as a ``polars.DataFrame``. Raises ``ImportError`` where polars is not there."""
    def __bool__(self) -> bool:
        """What ``ok`` says."""
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Result]: ...
    def __getitem__(self, key: Union[int, str], /) -> Result:
        """A result by its place, or by ``kind.name``."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

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

_Spec = tuple[str, str, Optional[_Span], Optional[Mapping[str, Mapping[str, Any]]], dict[str, Any]]

def _check_async(
    kind: str,
    name: str,
    timeout: Optional[_Span],
    limits: Optional[Mapping[str, Mapping[str, Any]]],
    settings: dict[str, Any],
) -> Awaitable[Result]: ...
def _check_many(checks: list[_Spec], concurrency: int) -> list[Result]: ...
def _check_many_async(checks: list[_Spec], concurrency: int) -> Awaitable[list[Result]]: ...
def _run_async(names: list[str], config: Optional[Union[str, os.PathLike[str]]]) -> Awaitable[Report]: ...
def _restore(cls: str, text: str) -> Any: ...
def _settle(future: Any, value: Any, error: Optional[BaseException]) -> None: ...
def _forked() -> None: ...
