"""Settings and facts of kinds that are written in Python: dataclasses and models of pydantic."""

import dataclasses
import datetime
import enum
import pathlib
from typing import Literal, Optional

import pytest

import selx


def registry_of(cls):
    registry = selx.Registry()
    registry.register(cls)
    return registry


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Inner:
    max_age: datetime.timedelta = datetime.timedelta(hours=1)
    deep: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Wide:
    path: pathlib.Path
    inner: Inner = dataclasses.field(default_factory=Inner)
    colour: Colour = Colour.RED
    word: Literal["one", "two"] = "one"
    maybe: Optional[float] = None
    names: dict[str, int] = dataclasses.field(default_factory=dict)
    token: Optional[selx.SecretRef] = None
    hidden: int = dataclasses.field(default=5, init=False)

    def __post_init__(self):
        if self.maybe is not None and self.maybe < 0:
            raise ValueError("`maybe` is not negative")


def shown(cls):
    class Shown(selx.CheckKind):
        """shows its settings"""

        kind = "shown"
        Config = cls

        def probe(self, cx):
            return {"config": repr(self.config)}

        def judge(self, facts, judging):
            return facts["config"]

    return registry_of(Shown)


def test_settings_of_a_dataclass():
    registry = shown(Wide)
    said = registry.check(
        "shown",
        path="/tmp",
        inner={"max-age": "1h 30m", "deep": ["a"]},
        colour="blue",
        word="two",
        maybe=3,
        names={"a": 1},
    ).summary
    wide = Wide(pathlib.Path("/tmp"), Inner(datetime.timedelta(minutes=90), ["a"]), Colour.BLUE, "two", 3.0, {"a": 1})
    assert said == repr(wide)
    page = registry.explain("shown")
    assert "| `inner.max-age` |" in page and "must be given" in page and "one of" in page
    wrong = [
        (dict(), "the setting `path` is missing"),
        (dict(path=3), "expected a text"),
        (dict(path="/", inner={"max-ago": "1h"}), "is `max-age` meant"),
        (dict(path="/", inner={"max-age": 3}), "expected a time"),
        (dict(path="/", inner={"deep": [1]}), "expected a text"),
        (dict(path="/", colour="rod"), "none of the values it takes; is `red` meant"),
        (dict(path="/", word="three"), "none of the values"),
        (dict(path="/", maybe="x"), "expected a number"),
        (dict(path="/", maybe=-1), "`maybe` is not negative"),
        (dict(path="/", names={"a": "b"}), "expected a whole number"),
        (dict(path="/", hidden=3), "unknown setting `hidden`"),
        (dict(path="/", token="hunter22"), "never as its value"),
    ]
    for settings, words in wrong:
        with pytest.raises(selx.ConfigError, match=words) as raised:
            registry.check("shown", **settings)
        assert "hunter22" not in str(raised.value)
    with pytest.raises(selx.ConfigError) as raised:
        registry.check("shown", colour="rod", wrod="one")
    assert len(str(raised.value).splitlines()) == 3, "all that is wrong at once"


def test_settings_of_pydantic():
    pydantic = pytest.importorskip("pydantic")

    class Part(pydantic.BaseModel):
        max_age: float = pydantic.Field(3, gt=0, description="How old at most.")

    class Model(pydantic.BaseModel):
        some_path: pathlib.Path = pydantic.Field(description="The path.")
        part: Part = Part()
        parts: list[Part] = []
        token: Optional[selx.SecretRef] = None

    registry = shown(Model)
    said = registry.check("shown", some_path="/tmp", part={"max-age": 5}, parts=[{"max-age": 1}]).summary
    assert said == repr(Model(some_path=pathlib.Path("/tmp"), part=Part(max_age=5), parts=[Part(max_age=1)]))
    page = registry.explain("shown")
    assert "| `some-path` |" in page and "How old at most." in page
    wrong = [
        (dict(), "the setting `some_path` is missing"),
        (dict(some_path="/", part={"max-age": -1}), "greater than 0"),
        (dict(some_path="/", part={"max-ago": 1}), "is `max-age` meant"),
        (dict(some_path="/", token="hunter22"), "never as its value"),
    ]
    for settings, words in wrong:
        with pytest.raises(selx.ConfigError, match=words) as raised:
            registry.check("shown", **settings)
        assert "hunter22" not in str(raised.value)


def test_what_an_author_raises_tells_no_setting():
    @dataclasses.dataclass
    class Strange:
        word: str = "x"

        def __post_init__(self):
            raise RuntimeError(f"not {self.word}")

    with pytest.raises(selx.ConfigError, match=r"are not taken: RuntimeError \(.*test_settings.py:") as raised:
        shown(Strange).check("shown", word="hunter22")
    assert "hunter22" not in str(raised.value)


def remembering(facts, given):
    class Remembering(selx.CheckKind):
        """gives facts back as they were"""

        kind = "remembering"
        Facts = facts

        def probe(self, cx):
            return given

        def judge(self, seen, judging):
            assert seen == given and type(seen) is type(given), seen
            return "the same"

    return registry_of(Remembering)


def test_facts_come_back_as_they_were():
    @dataclasses.dataclass
    class Part:
        max_age: datetime.timedelta
        some_paths: list[pathlib.Path]

    @dataclasses.dataclass
    class Facts:
        one_part: Part
        by_name: dict[str, Part]
        the_colour: Colour
        not_known: Optional[float]
        both_of: tuple[int, ...]

    part = Part(datetime.timedelta(minutes=3), [pathlib.Path("/a_b")])
    facts = Facts(part, {"a_b": part}, Colour.BLUE, None, (1, 2))
    result = remembering(Facts, facts).check("remembering")
    assert result.summary == "the same", result


def test_facts_of_pydantic_come_back_as_they_were():
    pydantic = pytest.importorskip("pydantic")

    class Part(pydantic.BaseModel):
        max_age: datetime.timedelta
        seen_at: datetime.datetime

    class Facts(pydantic.BaseModel):
        one_part: Part
        not_known: Optional[float] = None

    at = datetime.datetime(2026, 11, 27, tzinfo=datetime.timezone.utc)
    facts = Facts(one_part=Part(max_age=datetime.timedelta(seconds=3), seen_at=at))
    result = remembering(Facts, facts).check("remembering")
    assert result.summary == "the same", result


def test_a_tuple_that_would_be_read_wrongly_is_refused():
    with pytest.raises(selx.UsageError, match="of tuples"):
        shown(dataclasses.make_dataclass("Config", [("pair", tuple[int, str])]))
