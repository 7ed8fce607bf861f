"""What the caller got wrong is raised, with one root, and names the way out."""

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
