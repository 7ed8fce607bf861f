"""The types of the native module."""

import datetime
import os
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import Any, Literal, Optional, Union, final

__all__ = [
    "_OUTCOMES",
    "Attempt",
    "Context",
    "Failure",
    "Finding",
    "Kind",
    "Measure",
    "Permit",
    "Report",
    "Result",
    "_Plan",
    "_Registry",
    "__version__",
    "_enter",
    "_finish",
    "_forked",
    "_html",
    "_is_one_of",
    "_leave",
    "_restore",
    "_seconds",
    "_settle",
]

__version__: str
_OUTCOMES: list[tuple[str, int]]

_Status = Literal["skipped", "ok", "warning", "unknown", "critical"]
_Severity = Literal["info", "warning", "unknown", "critical"]
_Rows = Literal["results", "findings", "measures"]
_Span = Union[float, str, datetime.timedelta]

@final
class Kind:
    """A kind of check or of action."""
    @property
    def id(self) -> str:
        """The name, such as ``host-disk``: the first argument of ``check`` or ``Action``."""
    @property
    def sort(self) -> Literal["check", "action"]:
        """``check`` or ``action``."""
    @property
    def area(self) -> str:
        """The part of an operator's world that it looks at, such as ``host``."""
    @property
    def summary(self) -> str:
        """One line: what it tells its reader."""
    @property
    def routines(self) -> list[str]:
        """The routines a check belongs to unless a configuration says otherwise."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Finding:
    """One thing that a check has to say about one subject.

    >>> selx.Finding("warning", "queue-old", "mails", "has waited for an hour", advice="Start a worker.").severity
    'warning'
    """

    def __new__(
        cls,
        severity: _Severity,
        code: str,
        subject: str,
        message: str,
        *,
        advice: Optional[str] = None,
        evidence: Union[Mapping[str, object], Sequence[tuple[str, str]]] = (),
        fix: Optional[str] = None,
    ) -> Finding: ...

    @property
    def code(self) -> str:
        """The documented code, such as ``expires-soon``; that of a limit is ``limit-`` and the measure."""
    @property
    def severity(self) -> _Severity:
        """``info``, ``warning``, ``unknown`` or ``critical``."""
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
    def to_dict(self) -> dict[str, Any]:
        """The finding of report version 1."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Measure:
    """One number, with what its limit said.

    >>> selx.Measure("age", 3600, "seconds", subject="mails").value
    3600.0
    """

    def __new__(
        cls,
        name: str,
        value: float,
        unit: str,
        *,
        subject: str = "",
        whole: Optional[float] = None,
        window: Optional[float] = None,
    ) -> Measure: ...

    @property
    def name(self) -> str:
        """The name, as the page of the kind lists it."""
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
        """What its limit said; ``None`` if no limit holds for it, or if what it says cannot be told."""
    @property
    def warning(self) -> Optional[str]:
        """The warning limit as it was written."""
    @property
    def critical(self) -> Optional[str]:
        """The critical limit as it was written."""
    def to_dict(self) -> dict[str, Any]:
        """The measure of report version 1."""
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
    def status(self) -> _Status:
        """What it came to."""
    @property
    def reason(self) -> str:
        """Why it was not the last one."""
    @property
    def took(self) -> float:
        """Seconds."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Result:
    """What one check came to."""
    @property
    def kind(self) -> str:
        """The kind, such as ``http``."""
    @property
    def name(self) -> str:
        """The name of the check; ``python`` where the caller gave none."""
    @property
    def status(self) -> _Status:
        """``skipped``, ``ok``, ``warning``, ``unknown`` or ``critical``."""
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
    def findings(self) -> list[Finding]:
        """What there is to say, the worst first or in the order of the subjects."""
    @property
    def measures(self) -> list[Measure]:
        """The numbers, with what their limits said."""
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
    @property
    def exit_code(self) -> int:
        """0 ok, 1 warning, 2 critical, 3 unknown or skipped."""
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
    def ok(self) -> bool:
        """Whether everything was looked at and is as it should be."""
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
    def host(self) -> str:
        """The name of the host."""
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

@final
class Context:
    """What a probe, a plan or a step is given: its limits, secrets, and where to say what could not be seen."""
    @property
    def limit(self) -> float:
        """Seconds that this look may take."""
    @property
    def remaining(self) -> float:
        """Seconds that are left of them."""
    @property
    def cancelled(self) -> bool:
        """Whether nobody waits any more: what takes its time looks at this, and ends."""
    @property
    def now(self) -> datetime.datetime:
        """When the look began, in UTC."""
    @property
    def previous(self) -> Any:
        """What the same check saw the last time, if its class ``remembers``; else ``None``."""
    @property
    def since_previous(self) -> Optional[float]:
        """Seconds since that look, by a clock that nobody sets."""
    def secret(self, reference: str) -> str:
        """The value of a secret that the settings name by a field of the type ``selx.SecretRef``."""
    def fault(self, kind: str, message: str, advice: Optional[str] = None) -> None:
        """Says that a part of the subject could not be seen, as ``ProbeError`` does of the whole; the look goes on."""
    def doing(self, words: str) -> None:
        """Says in a few words what is being done, for those who wait at a terminal."""

@final
class Permit:
    """The permission to change something, which only the envelope of actions gives."""
    @property
    def risk(self) -> Literal["safe", "disruptive", "destructive"]:
        """The greatest risk that is permitted."""
    @property
    def locks(self) -> list[int]:
        """The descriptors of the locks, for ``pass_fds`` of a child that changes something."""

_Path = Union[str, os.PathLike[str]]
_Spec = tuple[str, str, Optional[_Span], Optional[Mapping[str, Any]], dict[str, Any]]
_Described = Union[str, _Spec]
_Told = tuple[str, str]

@final
class _Plan:
    @property
    def confined(self) -> Optional[bool]: ...
    def json(self) -> str: ...
    def text(self) -> str: ...
    def hindrance(self) -> Optional[str]: ...
    def apply(self, confirm: Optional[str], permitted: bool) -> _Told: ...
    def apply_async(self, confirm: Optional[str], permitted: bool) -> Awaitable[_Told]: ...
    def save(self, path: _Path) -> None: ...

@final
class _Registry:
    def __new__(cls) -> _Registry: ...
    def add_check(self, adapter: Any) -> None: ...
    def add_action(self, adapter: Any) -> None: ...
    def kinds(self) -> list[Kind]: ...
    def explain(self, kind: str) -> str: ...
    def schema(self) -> str: ...
    def validate(self, config: Optional[_Path]) -> tuple[list[str], list[str]]: ...
    def check(self, spec: _Spec) -> Result: ...
    def check_async(self, spec: _Spec) -> Awaitable[Result]: ...
    def check_many(self, checks: list[_Spec], concurrency: int) -> list[Result]: ...
    def check_many_async(self, checks: list[_Spec], concurrency: int) -> Awaitable[list[Result]]: ...
    def run(
        self, names: list[str], config: Optional[_Path], record: Optional[_Path], history: bool, state: Optional[_Path]
    ) -> Report: ...
    def run_async(
        self, names: list[str], config: Optional[_Path], record: Optional[_Path], history: bool, state: Optional[_Path]
    ) -> Awaitable[Report]: ...
    def replay(self, recording: _Path, config: Optional[_Path]) -> Report: ...
    def plan(self, action: _Described, config: Optional[_Path], state: Optional[_Path]) -> _Plan: ...
    def plan_async(self, action: _Described, config: Optional[_Path], state: Optional[_Path]) -> Awaitable[_Plan]: ...
    def load_plan(
        self, path: _Path, action: Optional[_Described], config: Optional[_Path], state: Optional[_Path]
    ) -> _Plan: ...
    def unfinished(self, config: Optional[_Path], state: Optional[_Path]) -> str: ...
    def recover(self, run: str, as_it_is: bool, config: Optional[_Path], state: Optional[_Path]) -> _Told: ...
    def recover_async(
        self, run: str, as_it_is: bool, config: Optional[_Path], state: Optional[_Path]
    ) -> Awaitable[_Told]: ...
    def stop(self, by: str, reason: str, config: Optional[_Path], state: Optional[_Path]) -> bool: ...
    def start(self, config: Optional[_Path], state: Optional[_Path]) -> bool: ...
    def violations(self, kind: str, folder: _Path) -> list[str]: ...
    def life(self, spec: _Spec, state: _Path) -> list[str]: ...

def _restore(cls: str, text: str) -> Any: ...
def _settle(future: Any, value: Any, error: Optional[BaseException]) -> None: ...
def _html(text: str) -> str: ...
def _is_one_of(what: Literal["area", "kind of failure", "status", "unit"], word: str) -> None: ...
def _forked() -> None: ...
def _seconds(text: str) -> float: ...
def _finish() -> None: ...
def _enter() -> None: ...
def _leave() -> None: ...
