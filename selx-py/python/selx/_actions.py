"""Plans, and what came of them."""

import dataclasses
import datetime
import json
import os
import sys
from typing import Any, Optional, Union

from . import _selx
from ._times import utc

_Path = Union[str, "os.PathLike[str]"]
_CODES = dict(_selx._OUTCOMES)


@dataclasses.dataclass(frozen=True)
class PlannedStep:
    """One step of a plan, as it is shown before anything happens."""

    target: str
    """What it is about, such as a path."""
    what: str
    """One line for the reader."""
    risk: str
    """``safe``, ``disruptive`` or ``destructive``."""
    bytes: Optional[int]
    """Bytes that it frees, or takes if negative; ``None`` if that is not known."""
    seconds: Optional[float]
    """How long it is expected to take, if that is known."""
    locks: "tuple[str, ...]"
    """Locks that it takes, one line each."""
    undoable: bool
    """Whether it can be taken back."""
    undo: str
    """How, or why not."""
    not_simulated: "tuple[str, ...]"
    """What cannot be known before it is done."""


@dataclasses.dataclass(frozen=True)
class Kept:
    """Things that an action leaves alone for one reason."""

    why: str
    count: int
    bytes: Optional[int]
    examples: "tuple[str, ...]"


@dataclasses.dataclass(frozen=True)
class Refused:
    """Why a plan may not be carried out, whoever confirms it."""

    why: str
    advice: str


@dataclasses.dataclass(frozen=True)
class StepReport:
    """What came of one step."""

    target: str
    what: str
    bytes: Optional[int]
    state: str
    """``changed``, ``already-done``, ``skipped``, ``not-as-confirmed``, ``not-begun``, ``failed``, ``remains``, ``undone`` or
    ``unclear``."""
    text: Optional[str]
    """What was changed, or why it was not."""


@dataclasses.dataclass(frozen=True)
class Space:
    """The room on one file system before and after, in bytes."""

    place: str
    free_before: int
    free_after: int
    size: int


@dataclasses.dataclass(frozen=True)
class ActionReport:
    """What an action came to."""

    action: str
    """The action, ``kind.name``."""
    outcome: str
    """``done``, ``skips``, ``locked``, ``refused``, ``unconfirmed``, ``unfinished``, ``stale``, ``failed``, ``undone``,
    ``leftover`` or ``unclear``."""
    run: Optional[str]
    """The run, by which its journal is found; ``None`` if it did not begin."""
    why: "tuple[str, ...]"
    """The reasons, unless it went as planned."""
    advice: Optional[str]
    steps: "tuple[StepReport, ...]"
    """Every step that was confirmed, in order."""
    waiting: int
    """How many steps came after the confirmation, and wait for the next plan."""
    findings: "tuple[_selx.Finding, ...]"
    """What the look at the goal found."""
    space: "tuple[Space, ...]"
    took: float
    """Seconds."""
    _text: str = dataclasses.field(repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Whether it is done, but for items that a rule left alone."""
        return self.outcome in ("done", "skips")

    @property
    def exit_code(self) -> int:
        """The code that ``selx act`` ends with."""
        return _CODES[self.outcome]

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return _selx._html(self._text)

    @classmethod
    def _of(cls, told: "tuple[str, str]") -> "ActionReport":
        said = json.loads(told[0])
        return cls(
            action=said["action"],
            outcome=said["outcome"],
            run=said.get("run"),
            why=tuple(said.get("why", ())),
            advice=said.get("advice"),
            steps=tuple(_step(step) for step in said.get("steps", ())),
            waiting=said.get("waiting", 0),
            findings=tuple(_finding(finding) for finding in said.get("findings", ())),
            space=tuple(
                Space(s["place"], s["before"]["free"], s["after"]["free"], s["after"]["size"])
                for s in said.get("space", ())
            ),
            took=said["took"],
            _text=told[1],
        )


def _step(said: "dict[str, Any]") -> StepReport:
    state, text = said["state"]["state"], said["state"].get("text")
    if state == "applied":
        state, text = text["result"], text.get("text")
    return StepReport(said["target"], said["what"], said.get("bytes"), state, text)


def _finding(said: "dict[str, Any]") -> _selx.Finding:
    return _selx.Finding(
        said["severity"],
        said["code"],
        said.get("subject", ""),
        said["message"],
        advice=said.get("advice"),
        evidence=[(pair["label"], pair["value"]) for pair in said.get("evidence", ())],
        fix=said.get("fix"),
    )


@dataclasses.dataclass(frozen=True)
class Unfinished:
    """A run that did not come to its end. ``selx.recover(unfinished.run)`` asks the world how far it came."""

    run: str
    action: Optional[str]
    """The action, ``kind.name``, if its journal can be read."""
    begun: Optional[datetime.datetime]
    damaged: Optional[str]
    """What is wrong with its journal, if it is not whole."""

    @classmethod
    def _of(cls, said: "dict[str, Any]") -> "Unfinished":
        begun = utc(said["begun"]) if said["begun"] else None
        return cls(said["run"], said["action"], begun, said["damaged"])


class Plan:
    """What an action would do. Nothing of it is done before ``apply`` is called with the hash of this very plan.

    ``print(plan)`` shows it as ``selx act`` does. Two plans are equal where their hashes are.
    """

    __slots__ = ("_native", "_said", "_text")

    def __init__(self, native: _selx._Plan) -> None:
        self._native = native
        self._said = json.loads(native.json())
        self._text = native.text()

    @property
    def action(self) -> str:
        """The action, ``kind.name``."""
        action: str = self._said["plan"]["action"]
        return action

    @property
    def hash(self) -> str:
        """By what it is confirmed: ``7f3a-91c2``."""
        confirm: str = self._said["confirm"]
        return confirm

    @property
    def steps(self) -> "tuple[PlannedStep, ...]":
        """The steps in order; what cannot be undone comes last. Empty if there is nothing to do."""
        return tuple(_planned(step) for step in self._said["plan"]["plan"]["steps"])

    @property
    def kept(self) -> "tuple[Kept, ...]":
        """What is left alone, by the rule that keeps it."""
        return tuple(
            Kept(kept["why"], kept["count"], kept.get("bytes"), tuple(kept.get("examples", ())))
            for kept in self._said["plan"]["plan"].get("kept", ())
        )

    @property
    def refused(self) -> "tuple[Refused, ...]":
        """Why none of it may be done: a floor, a budget, a list that could not be read to its end."""
        return tuple(Refused(said["why"], said["advice"]) for said in self._said["plan"]["plan"].get("refused", ()))

    @property
    def whole(self) -> bool:
        """Whether the steps are parts of one thing, which is done wholly or not at all."""
        return bool(self._said["plan"]["plan"].get("whole", False))

    @property
    def risk(self) -> Optional[str]:
        """The risk of its worst step; ``None`` if there is nothing to do."""
        risks = [step.risk for step in self.steps]
        return max(risks, key=("safe", "disruptive", "destructive").index, default=None)

    @property
    def bytes(self) -> int:
        """The bytes that its steps free, those that they take subtracted."""
        return sum(step.bytes or 0 for step in self.steps)

    @property
    def made(self) -> datetime.datetime:
        """When it was made, in UTC. It may be applied for fifteen minutes."""
        return utc(self._said["plan"]["made"]["at"])

    @property
    def confined(self) -> Optional[bool]:
        """Whether the kernel kept it from writing while it was made; without Landlock that is the word of the action. ``None`` of
        one that was read from a file, of which it is not known."""
        return self._native.confined

    @property
    def hindrance(self) -> Optional[str]:
        """What would keep it from beginning now: all actions are stopped, or an earlier run is not over."""
        return self._native.hindrance()

    def apply(self, confirm: Optional[str] = None, *, permitted: bool = False) -> ActionReport:
        """Does what was shown: with its hash, or where the policy of the action permits it.

        Under the locks of the action the plan is made again, and only what is still in it is done. Every step is journalled
        before and after. Ctrl-C asks it to end: the step at hand is finished, no further one is begun, and the process does
        not end before that.

        Raises ``UsageError`` where nobody confirmed it. All else that can happen is in the report.
        """
        _to_the_end()
        return ActionReport._of(self._native.apply(confirm, permitted))

    async def apply_async(self, confirm: Optional[str] = None, *, permitted: bool = False) -> ActionReport:
        """Does what ``apply`` does, while the event loop goes on. Cancelling the task asks it to end, as Ctrl-C does."""
        _to_the_end()
        return ActionReport._of(await self._native.apply_async(confirm, permitted))

    def save(self, path: _Path) -> None:
        """Writes it into a file that only its owner reads, for ``selx act --plan`` or ``selx.load_plan``."""
        self._native.save(path)

    def to_dict(self) -> "dict[str, Any]":
        """What ``selx act --format json`` writes: ``confirm`` is what ``hash`` is here, ``hash`` the whole of it."""
        told: "dict[str, Any]" = json.loads(self._native.json())
        return told

    def __len__(self) -> int:
        return len(self._said["plan"]["plan"]["steps"])

    def __bool__(self) -> bool:
        # A plan without steps is one as well: nothing is to do.
        return True

    def __eq__(self, other: object) -> bool:
        return self._said["hash"] == other._said["hash"] if isinstance(other, Plan) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._said["hash"])

    def __reduce__(self) -> "tuple[Any, ...]":
        raise TypeError("a plan is not pickled: `plan.save(path)` keeps it, and `selx.load_plan(path)` reads it")

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<selx.Plan {self.action} {self.hash}: {len(self)} steps>"

    def _repr_html_(self) -> str:
        return _selx._html(self._text)


_ending: "set[int]" = set()


def _to_the_end() -> None:
    """Keeps a child of ``multiprocessing``, which ends without ``atexit``, from ending in the middle of a step."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is None or multiprocessing.parent_process() is None or os.getpid() in _ending:
        return
    from multiprocessing import util

    _ending.add(os.getpid())
    util.Finalize(None, _selx._finish, exitpriority=100)


def _planned(said: "dict[str, Any]") -> PlannedStep:
    undo = said["undo"]
    return PlannedStep(
        target=said["target"],
        what=said["what"],
        risk=said["risk"],
        bytes=said.get("bytes"),
        seconds=said.get("seconds"),
        locks=tuple(said.get("locks", ())),
        undoable="possible" in undo,
        undo=next(iter(undo.values())),
        not_simulated=tuple(said.get("not_simulated", ())),
    )
