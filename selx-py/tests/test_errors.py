"""What the caller got wrong is raised, with one root, and names the way out."""

import dataclasses
import datetime

import pytest

import selx


def test_one_root_and_two_builtin_parents():
    assert issubclass(selx.ConfigError, selx.SelxError)
    assert issubclass(selx.ConfigError, ValueError)
    assert issubclass(selx.UsageError, selx.SelxError)
    assert issubclass(selx.UsageError, ValueError)
    assert issubclass(selx.SelxError, Exception)
    assert not issubclass(selx.SelxError, ValueError)
    assert selx.SelxError.__module__ == "selx.errors"


def test_a_wrong_kind_names_the_nearest():
    with pytest.raises(selx.UsageError, match="host-dsk.*host-disk"):
        selx.check("host-dsk")


def test_a_wrong_setting_names_the_nearest():
    with pytest.raises(selx.ConfigError, match="pahts(?s:.*)paths"):
        selx.check("host-disk", pahts=["/"])


def test_a_value_of_a_wrong_type_is_named():
    with pytest.raises(selx.ConfigError, match="paths"):
        selx.check("host-disk", paths=3)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"paths": [object()]}, "paths.*object"),
        ({"paths": [b"/"]}, "paths.*bytes"),
        ({"paths": [None]}, "paths.*NoneType"),
        ({"paths": {1: "a"}}, "paths.*int"),
        ({"paths": [2**64]}, "paths.*64 bits"),
        ({"paths": [float("nan")]}, "paths.*finite"),
    ],
)
def test_what_no_configuration_can_say_is_refused(settings, words):
    with pytest.raises(selx.ConfigError, match=words):
        selx.check("host-disk", **settings)


def test_a_list_that_holds_itself_is_refused():
    paths = []
    paths.append(paths)
    with pytest.raises(selx.ConfigError, match="nested"):
        selx.check("host-disk", paths=paths)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "5", True, datetime.timedelta(0), [1]])
def test_a_wrong_timeout_is_refused(timeout):
    with pytest.raises(selx.ConfigError, match="timeout|duration"):
        selx.check("host-disk", timeout=timeout)


@pytest.mark.parametrize(
    "limits",
    [{"usde": {"warning": "50%"}}, {"used": {"warnign": "50%"}}, {"used": {"warning": "50 apples"}}, {"used": 3}],
)
def test_a_wrong_limit_is_refused(limits):
    with pytest.raises(selx.ConfigError):
        selx.check("host-disk", limits=limits)


@pytest.mark.parametrize("name", ["", "a b", "x.y", "a]\n[check.command.b]"])
def test_a_name_cannot_become_configuration(name):
    with pytest.raises(selx.ConfigError):
        selx.check("host-disk", name)


def test_a_setting_may_be_called_like_an_argument():
    class Timed(selx.CheckKind):
        """has settings whose names are taken"""

        kind = "timed"

        @dataclasses.dataclass
        class Config:
            name: str
            timeout: int
            lambda_: int = 0

        def probe(self, cx):
            return [self.config.name, self.config.timeout]

        def judge(self, facts, judging):
            return repr(facts)

    registry = selx.Registry()
    registry.register(Timed)
    result = registry.check("timed", "mine", name="a", timeout_=5, timeout="2s")
    assert (result.name, result.summary) == ("mine", "['a', 5]")
    with pytest.raises(selx.ConfigError) as raised:
        selx.plan("backup-create", "nightly", folder="/backup", name=5)
    assert "`name`: expected a text, found a whole number" in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        ("http", {"url": "http://127.0.0.1:1", "connect_timeout": 5}, "`connect_timeout`"),
        ("http", {"url": "http://127.0.0.1:1", "conect_timeout": "5s"}, "`connect_timeout` meant"),
        ("http", {"url": "http://127.0.0.1:1", "expect": {"max_age": 5}}, "`max_age`"),
        ("http", {"url": "http://127.0.0.1:1", "max_body": "5 apples"}, "`max_body`"),
    ],
)
def test_keywords_are_named_as_they_are_written(kind, settings, words):
    with pytest.raises(selx.ConfigError, match=words) as raised:
        selx.check(kind, **settings)
    assert "connect-timeout" not in str(raised.value) and "max-body" not in str(raised.value)


def test_an_action_by_name_and_settings(tmp_path):
    plan = selx.plan("logs-clean", "shop", path=str(tmp_path), older_than="30d", state=tmp_path / "state")
    assert plan.action == "logs-clean.shop"
    with pytest.raises(TypeError, match="selx.Action"):
        selx.plan(selx.Check("host-memory"))
    with pytest.raises(selx.UsageError, match="give them to"):
        selx.plan(selx.Action("logs-clean", path="/x"), "other")


def test_the_word_of_a_failure_is_one_of_those_that_there_are():
    with pytest.raises(selx.UsageError, match="`unreachabel` is no kind of failure; is `unreachable` meant"):
        selx.ProbeError("unreachabel", "the queue is gone")
    with pytest.raises(selx.UsageError, match="`wa`rn` is no severity; is `warning` meant|there are info"):
        selx.Finding("wa`rn", "code", "", "text")


def bad(**attributes):
    def judge(self, facts, judging):
        return ""

    return type("Bad", (selx.CheckKind,), {"__doc__": "is wrong", "kind": "bad", "probe": judge, "judge": judge, **attributes})


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"area": "storage"}, "`Bad.area`: `storage` is no area"),
        ({"needs": ["root"]}, "`Bad.needs` is a list; wanted is a text"),
        ({"codes": {"a": ("b", "c")}}, r"`Bad.codes\['a'\]` is a tuple; wanted is a selx.Code"),
        ({"codes": {"A B": selx.Code("b", "c")}}, "the code `A B`"),
        ({"measures": {"a": selx.MeasureDoc("second", "b", "c")}}, r"`Bad.measures\['a'\].unit`.*`seconds` meant"),
        ({"limits": {"age": {"warning": 5}}}, "`Bad.limits` names `age`, which is none of its measures"),
    ],
)
def test_what_a_class_says_wrongly_is_named_at_its_registration(attributes, words):
    with pytest.raises(selx.UsageError, match=words):
        selx.Registry().register(bad(**attributes))
