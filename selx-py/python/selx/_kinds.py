"""Kinds of one's own: what a class has to be that looks at something, or changes something."""

import dataclasses
import datetime
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, Literal, Optional, TypeVar, Union

from ._selx import Context, Finding, Measure, Permit
from .errors import UsageError

_C = TypeVar("_C")
_F = TypeVar("_F")


@dataclasses.dataclass(frozen=True)
class Code:
    """A documented state that a finding names: what it means, and what to do about it, in whole sentences."""

    meaning: str
    advice: str


@dataclasses.dataclass(frozen=True)
class MeasureDoc:
    """A documented measure.

    ``meaning`` is a phrase, ``advice`` what to do when it is outside its limit, ``called`` what messages call it.
    """

    unit: Literal["bytes", "seconds", "ratio", "count", "per-second", "bytes-per-second"]
    meaning: str
    advice: str
    called: Optional[str] = None


@dataclasses.dataclass
class Judgement:
    """What a judgement says: one line of what was seen, what was found, and pairs worth knowing.

    >>> selx.Judgement("3 jobs wait").ok
    True
    """

    summary: str
    findings: "list[Finding]" = dataclasses.field(default_factory=list)
    evidence: "Union[Mapping[str, object], Sequence[tuple[str, object]]]" = dataclasses.field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing was found that is worse than worth knowing."""
        return all(finding.severity == "info" for finding in self.findings)


@dataclasses.dataclass(frozen=True)
class Judging(Generic[_F]):
    """What a judgement may know besides the facts: the time of the look, and the last look if a history is kept."""

    now: datetime.datetime
    previous: Optional[_F] = None
    previous_seen: Optional[datetime.datetime] = None
    since_previous: Optional[float] = None
    """Seconds, by a clock that nobody sets. ``None`` where the machine was booted in between."""


class _Kind(Generic[_C]):
    """What kinds of both sorts say about themselves, as attributes of the class.

    The first line of the docstring is the summary, and the whole of it the page, unless ``readme`` is set.
    """

    kind: ClassVar[str]
    """The name, kebab-case: ``queue-age``."""
    area: ClassVar[str] = "command"
    """The part of an operator's world: ``host``, ``http``, ``queue``, ``database``, ``backup``, ``logs`` and others."""
    readme: ClassVar[Optional[str]] = None
    """The page that ``explain`` shows, as Markdown."""
    sample: ClassVar[str] = ""
    """A configuration that reads, as TOML."""
    codes: ClassVar[Mapping[str, Code]] = {}
    """Every code that a finding can carry."""
    needs: ClassVar[str] = ""
    """The rights that it needs, as a phrase; empty if any user will do."""
    Config: ClassVar[Optional[type]] = None
    """The settings: a dataclass or a model of pydantic. Without one there are none."""

    def __init__(self, config: _C) -> None:
        self.config = config

    @classmethod
    def _page(cls) -> "tuple[str, str]":
        text = inspect.cleandoc(cls.__dict__.get("__doc__") or "")
        summary = text.split("\n", 1)[0].strip().rstrip(".")
        if not summary:
            raise UsageError(f"`{cls.__name__}` says nothing about itself: its docstring is what `explain` shows")
        return summary, cls.readme if cls.readme is not None else f"# {cls.kind}\n\n{text}\n"


class CheckKind(_Kind[_C], Generic[_C, _F]):
    """The base of a kind of check that is written in Python.

    ``probe`` looks, and only looks; what it saw has to be what JSON can say, or a dataclass or a model of pydantic that
    ``Facts`` names. ``judge`` and ``measure`` reckon, and do not wait: facts that were recorded are judged again by them.
    ``probe`` may be ``async``.

    >>> class Backlog(selx.CheckKind):
    ...     "the jobs that wait in a folder"
    ...
    ...     kind = "backlog"
    ...     measures = {"waiting": selx.MeasureDoc("count", "jobs that wait", "Start a worker.")}
    ...     limits = {"waiting": {"warning": 10, "critical": 100}}
    ...
    ...     @dataclasses.dataclass
    ...     class Config:
    ...         folder: pathlib.Path
    ...
    ...     def probe(self, cx):
    ...         return {"waiting": len(os.listdir(self.config.folder))}
    ...
    ...     def judge(self, facts, judging):
    ...         return selx.Judgement(f"{facts['waiting']} jobs wait")
    ...
    ...     def measure(self, facts, judging):
    ...         return [selx.Measure("waiting", facts["waiting"], "count")]
    >>> registry = selx.Registry()
    >>> registry.register(Backlog)
    <class '...Backlog'>
    >>> registry.check("backlog", folder="/etc").status in ("ok", "warning", "critical")
    True
    """

    measures: ClassVar[Mapping[str, MeasureDoc]] = {}
    """Every measure that it can report."""
    limits: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """The limits that hold unless the configuration sets others, as they stand there."""
    routines: ClassVar[Sequence[str]] = ("daily",)
    """The routines it belongs to unless a configuration says otherwise."""
    remembers: ClassVar[bool] = False
    """Whether it cannot look without what it saw the last time: then ``cx.previous`` has it."""
    passing: ClassVar[Sequence[str]] = ()
    """The codes of states that may pass by themselves, and are looked at again."""
    Facts: ClassVar[Optional[type]] = None
    """What ``probe`` returns and ``judge`` is given: a dataclass or a model of pydantic. Without one, what JSON says."""

    def probe(self, cx: Context) -> Any:
        """Looks. It raises what it met: ``ProbeError``, or any exception, of which those of the system tell most."""
        raise NotImplementedError

    def judge(self, facts: _F, judging: Judging[_F]) -> Union[Judgement, str]:
        """Judges what was seen. A text is a judgement that found nothing."""
        raise NotImplementedError

    def measure(self, facts: _F, judging: Judging[_F]) -> Sequence[Measure]:
        """Takes the numbers out of what was seen, for limits and trends."""
        return ()


@dataclasses.dataclass(frozen=True)
class Step:
    """One step of a plan, as it is shown before anything happens.

    ``step`` is the exact target, as JSON can say it: a step that a later plan has in the same words is the same step.
    ``undo`` says how it is undone, or with ``undoable=False`` why it cannot be.
    """

    step: Any
    target: str
    what: str
    risk: Literal["safe", "disruptive", "destructive"]
    undo: str
    undoable: bool = True
    bytes: Optional[int] = None
    seconds: Optional[float] = None
    locks: Sequence[str] = ()
    not_simulated: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Steps:
    """What a plan comes to: steps in order, what is left alone and why, and why none of it may be done.

    ``whole`` says that they are parts of one thing, which is done wholly or not at all. ``kept`` has for each rule the
    names of what it keeps; ``refused`` has for each reason what to do about it.
    """

    steps: Sequence[Step] = ()
    whole: bool = False
    kept: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    refused: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Applied:
    """What a step came to. ``Applied.changed``, ``Applied.already`` and ``Applied.skipped`` make them."""

    result: Literal["changed", "already-done", "skipped"]
    text: Optional[str] = None

    @classmethod
    def changed(cls, text: str) -> "Applied":
        """It was changed; the text says what."""
        return cls("changed", text)

    @classmethod
    def already(cls) -> "Applied":
        """It already was as planned. Applying twice is normal."""
        return cls("already-done")

    @classmethod
    def skipped(cls, why: str) -> "Applied":
        """A rule left it alone when its turn came; the others go on."""
        return cls("skipped", why)


@dataclasses.dataclass(frozen=True)
class Seen:
    """How far a step is, as the world says it. Recovery after a crash rests on it alone."""

    seen: Literal["before", "after", "partial", "unknown"]
    text: Optional[str] = None

    @classmethod
    def before(cls) -> "Seen":
        """It has not happened."""
        return cls("before")

    @classmethod
    def after(cls) -> "Seen":
        """It has happened."""
        return cls("after")

    @classmethod
    def partial(cls, what: str) -> "Seen":
        """It has happened in part; the text says what is there."""
        return cls("partial", what)

    @classmethod
    def unknown(cls, why: str) -> "Seen":
        """It cannot be told; the text says why."""
        return cls("unknown", why)


class ActionKind(_Kind[_C]):
    """The base of a kind of action that is written in Python. It stands under the same envelope as those of selx.

    ``plan``, ``probe`` and ``verify`` only look: a plan is made in a thread that the kernel lets write nowhere. ``apply``,
    ``undo`` and ``tidy`` change something, one step at a time, each journalled before and after. All may be ``async``.
    """

    def resources(self) -> Sequence[str]:
        """Returns what nobody else may change meanwhile, such as ``files:/srv/shop``: a lock each. At least one."""
        raise NotImplementedError

    def places(self) -> Sequence[str]:
        """Returns paths where room on a disk is looked at before and after."""
        return ()

    def plan(self, cx: Context) -> Union[Steps, Sequence[Step]]:
        """Looks at the world and says what would be done."""
        raise NotImplementedError

    def apply(self, step: Any, permit: Permit, cx: Context) -> Applied:
        """Does one step."""
        raise NotImplementedError

    def probe(self, step: Any, cx: Context) -> Seen:
        """Asks the real world how far a step is."""
        raise NotImplementedError

    def undo(self, step: Any, permit: Permit, cx: Context) -> Applied:
        """Takes a step back."""
        raise NotImplementedError

    def tidy(self, permit: Permit, cx: Context) -> None:
        """Takes away what the steps made for themselves. It may be called without need."""

    def verify(self, done: Sequence[Any], cx: Context) -> Sequence[Finding]:
        """Looks whether the goal was reached by the steps that were done, whatever they returned."""
        raise NotImplementedError
