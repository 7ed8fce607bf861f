"""Between the kinds of the registry, which speak JSON, and classes that are written in Python."""

import dataclasses
import inspect
import json
import os
from collections.abc import Callable, Mapping
from typing import Any, Optional

from . import _config
from ._kinds import ActionKind, Applied, CheckKind, Code, Judgement, Judging, MeasureDoc, Seen, Step, Steps
from ._schema import WrongSetting
from ._selx import Finding, Measure, _is_one_of
from ._times import utc
from ._worker import place_of, plain, text_of
from .errors import UsageError


def adapter(cls: type) -> "tuple[str, Any]":
    """Looks at a class, and returns its sort with what the registry holds of it."""
    if not isinstance(cls, type) or not issubclass(cls, (CheckKind, ActionKind)):
        raise UsageError(f"`{cls!r}` is no subclass of selx.CheckKind or selx.ActionKind")
    if not isinstance(getattr(cls, "kind", None), str):
        raise UsageError(f'`{cls.__name__}` has no name: set `kind = "…"` in the class')
    if issubclass(cls, CheckKind):
        _has(cls, CheckKind, "probe", "judge")
        return "check", _OfCheck(cls)
    _has(cls, ActionKind, "resources", "plan", "apply", "probe", "undo", "verify")
    return "action", _OfAction(cls)


def _has(cls: type, base: type, *names: str) -> None:
    missing = [name for name in names if getattr(cls, name) is getattr(base, name)]
    if missing:
        raise UsageError(f"`{cls.__name__}` has no {', '.join(f'`{name}`' for name in missing)}")


def _of(cls: type, attribute: str, value: Any, wanted: type, called: str) -> None:
    if not isinstance(value, wanted):
        raise UsageError(f"`{cls.__name__}.{attribute}` is a {type(value).__name__}; wanted is {called}")


def _word(cls: type, attribute: str, what: Any, word: str) -> None:
    try:
        _is_one_of(what, word)
    except UsageError as error:
        raise UsageError(f"`{cls.__name__}.{attribute}`: {error}") from None


class _OfClass:
    """A class, as the registry asks it."""

    def __init__(self, cls: Any) -> None:
        self.cls = cls
        self.settings = _config.Shape.of(cls.Config)

    def meta(self) -> str:
        cls = self.cls
        summary, readme = cls._page()
        for attribute in ("area", "sample", "needs"):
            _of(cls, attribute, getattr(cls, attribute), str, "a text")
        _word(cls, "area", "area", cls.area)
        for name, code in cls.codes.items():
            _of(cls, f"codes[{name!r}]", code, Code, "a selx.Code")
        measures = []
        for name, doc in getattr(cls, "measures", {}).items():
            _of(cls, f"measures[{name!r}]", doc, MeasureDoc, "a selx.MeasureDoc")
            _word(cls, f"measures[{name!r}].unit", "unit", doc.unit)
            measures.append(
                {"name": name, "unit": doc.unit, "meaning": doc.meaning, "advice": doc.advice, "called": doc.called}
            )
        self.limited()
        return json.dumps(
            {
                "id": cls.kind,
                "area": cls.area,
                "summary": summary,
                "readme": readme,
                "sample": cls.sample,
                "codes": [[name, code.meaning, code.advice] for name, code in cls.codes.items()],
                "measures": measures,
                "routines": list(getattr(cls, "routines", ())),
                "remembers": getattr(cls, "remembers", False),
                "passing": list(getattr(cls, "passing", ())),
                "needs": cls.needs,
            }
        )

    def limited(self) -> None:
        """Looks at what the class says of limits."""

    def schema(self) -> str:
        return json.dumps(self.settings.schema())

    def build(self, text: str) -> "tuple[Any, str]":
        """Makes an instance of settings, and says what is wrong with them or what there is to know of it."""
        given = json.loads(text)
        try:
            config = self.settings.read(given)
            instance = self.cls(config)
            told = self.told(instance)
        except WrongSetting as wrong:
            return None, json.dumps({"wrong": [wrong.path, text_of(wrong.message)]})
        except Exception as error:
            # Its text may repeat a setting, which may be a secret: where it was raised has to do.
            said = f"the settings are not taken: {type(error).__name__}{place_of(error)}"
            return None, json.dumps({"wrong": [[], said]})
        secrets = self.settings.secrets(given)
        return self.instance(instance), json.dumps({"secrets": secrets, "told": told})

    def told(self, instance: Any) -> Any:
        raise NotImplementedError

    def instance(self, instance: Any) -> Any:
        raise NotImplementedError


class _OfCheck(_OfClass):
    def __init__(self, cls: Any) -> None:
        super().__init__(cls)
        self.facts = _config.Shape.of_facts(cls.Facts) if cls.Facts is not None else None

    def limited(self) -> None:
        # A property knows its limits when it has its settings.
        limits = self.cls.limits if isinstance(self.cls.limits, Mapping) else {}
        for name in limits:
            measure = str(name).partition("@")[0]
            if measure not in self.cls.measures:
                raise UsageError(f"`{self.cls.__name__}.limits` names `{measure}`, which is none of its measures")

    def told(self, instance: Any) -> Any:
        limits = {
            name: {key: str(value) for key, value in limit.items()} for name, limit in (instance.limits or {}).items()
        }
        return {"limits": limits}

    def instance(self, instance: Any) -> Any:
        return _Check(instance, self.facts)


class _OfAction(_OfClass):
    def told(self, instance: Any) -> Any:
        return {
            "resources": [str(name) for name in instance.resources()],
            "places": [os.fspath(place) for place in instance.places()],
        }

    def instance(self, instance: Any) -> Any:
        return _Action(instance)


class _Check:
    """A check, asked and answering in JSON."""

    def __init__(self, check: Any, facts: Optional[_config.Shape]) -> None:
        self.check = check
        self.facts = facts

    def probe(self, cx: Any) -> Any:
        return self.check.probe(cx)

    def _read(self, facts: Any) -> Any:
        return facts if self.facts is None else self.facts.read(facts)

    def judge(self, facts: str, judging: str) -> Any:
        said = json.loads(judging)
        previous = said["previous"]
        if previous is not None:
            try:
                previous = self._read(previous)
            except WrongSetting:
                # Facts of an older version may have another shape: then this is like a first look.
                previous = None
        cx: Judging[Any] = Judging(
            now=utc(said["now"]),
            previous=previous,
            previous_seen=utc(said["previous_seen"]) if said["previous_seen"] and previous is not None else None,
            since_previous=said["since_previous"] if previous is not None else None,
        )
        seen = self._read(json.loads(facts))
        judgement = self.check.judge(seen, cx)
        if isinstance(judgement, str):
            judgement = Judgement(judgement)
        _is(judgement, Judgement, "`judge`", "a selx.Judgement or a text")
        findings = [_is(finding, Finding, "`judge`", "findings") for finding in judgement.findings]
        measures = [_is(measure, Measure, "`measure`", "measures") for measure in self.check.measure(seen, cx)]
        return {
            "judgement": {
                "summary": str(judgement.summary),
                "findings": [finding.to_dict() for finding in findings],
                "evidence": [{"label": str(key), "value": str(value)} for key, value in dict(judgement.evidence).items()],
            },
            "measures": [_measure(measure) for measure in measures],
        }


class _Action:
    """An action, asked and answering in JSON."""

    def __init__(self, action: Any) -> None:
        self.action = action

    def plan(self, cx: Any) -> Any:
        return _then(self.action.plan(cx), _plan)

    def apply(self, step: str, permit: Any, cx: Any) -> Any:
        return _then(self.action.apply(json.loads(step), permit, cx), lambda given: _applied(given, "`apply`"))

    def probe(self, step: str, cx: Any) -> Any:
        return _then(self.action.probe(json.loads(step), cx), _seen)

    def undo(self, step: str, permit: Any, cx: Any) -> Any:
        return _then(self.action.undo(json.loads(step), permit, cx), lambda given: _applied(given, "`undo`"))

    def tidy(self, permit: Any, cx: Any) -> Any:
        return _then(self.action.tidy(permit, cx), lambda given: None)

    def verify(self, done: str, cx: Any) -> Any:
        return _then(
            self.action.verify(json.loads(done), cx),
            lambda found: [_is(finding, Finding, "`verify`", "findings").to_dict() for finding in found],
        )


def _then(given: Any, told: Callable[[Any], Any]) -> Any:
    """Makes JSON of what a method gave, or will have given when it was awaited."""
    if not inspect.isawaitable(given):
        return told(given)

    async def awaited() -> Any:
        return told(await given)

    return awaited()


def _is(value: Any, cls: Any, method: str, wanted: str) -> Any:
    if not isinstance(value, cls):
        raise TypeError(f"{method} gave a {type(value).__name__}; wanted are {wanted}")
    return value


def _applied(value: Any, method: str) -> Any:
    applied = _is(value, Applied, method, "a selx.Applied")
    return {"result": applied.result} if applied.text is None else {"result": applied.result, "text": applied.text}


def _plan(made: Any) -> Any:
    plan = made if isinstance(made, Steps) else Steps(tuple(made))
    return {
        "steps": [_planned(_is(step, Step, "`plan`", "steps")) for step in plan.steps],
        "whole": plan.whole,
        "kept": [
            {"why": why, "count": len(names), "examples": [str(name) for name in list(names)[:5]]}
            for why, names in plan.kept.items()
        ],
        "refused": [{"why": why, "advice": advice} for why, advice in plan.refused.items()],
    }


def _seen(given: Any) -> Any:
    seen = _is(given, Seen, "`probe`", "a selx.Seen")
    return {"seen": seen.seen} if seen.text is None else {"seen": seen.seen, "text": seen.text}


def _planned(step: Step) -> Any:
    told = dataclasses.asdict(step)
    told["undo"] = {"possible" if told.pop("undoable") else "impossible": step.undo}
    told["step"] = plain(step.step)
    told["locks"] = list(step.locks)
    told["not_simulated"] = list(step.not_simulated)
    return told


def _measure(measure: Measure) -> Any:
    told: "dict[str, Any]" = {"name": measure.name, "subject": measure.subject, "value": measure.value, "unit": measure.unit}
    if measure.whole is not None:
        told["whole"] = measure.whole
    if measure.window is not None:
        told["window"] = {"secs": int(measure.window), "nanos": int(measure.window % 1 * 1e9)}
    return told
