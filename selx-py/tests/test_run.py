"""A run from Python: by file, by search, by discovery."""

import json

import pytest

import selx

FILE = """\
[history]
enabled = false

[check.host-memory.here]
routines = ["daily"]

[check.host-disk.here]
limits = { used = { warning = "0.0000001%", critical = "0.0000002%" } }
with = { paths = ["/"] }
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "selx.toml"
    path.write_text(FILE)
    path.chmod(0o600)
    return path


@pytest.fixture
def no_file(tmp_path, monkeypatch):
    """A place where no configuration is found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SELX_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("SELX_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


def test_a_routine_of_a_file(file):
    report = selx.run("daily", config=file)
    assert [result.kind for result in report.results] == ["host-memory", "host-disk"]
    assert report.status == "critical"
    assert not report.ok
    assert report.exit_code == 2
    assert report.results[1].findings[0].code == "limit-used"


def test_names_select(file):
    report = selx.run("host-memory.here", config=str(file))
    assert [(result.kind, result.name) for result in report.results] == [("host-memory", "here")]


def test_the_text_is_report_version_1(file):
    report = selx.run(config=file)
    document = json.loads(report.to_json())
    assert document["version"] == 1
    assert document["status"] == report.status
    assert document["routine"] == "daily"
    assert len(document["entries"]) == len(report.results) == 2
    assert document == report.to_dict()
    assert report.status in repr(report)


def test_a_file_is_found_by_the_environment(file, no_file, monkeypatch):
    monkeypatch.setenv("SELX_CONFIG", str(file))
    assert [result.name for result in selx.run("here").results] == ["here", "here"]


def test_without_a_file_what_this_host_has_is_run(no_file):
    report = selx.run("daily")
    assert (no_file / "state" / "history.db").is_file(), "a run of a routine is noted"
    assert "host-disk" in {result.kind for result in report.results}
    assert report.status in {"ok", "warning", "unknown", "critical"}


def test_a_name_that_selects_nothing(file):
    with pytest.raises(selx.UsageError, match="host-memry.*host-memory"):
        selx.run("host-memry", config=file)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(selx.ConfigError, match="nowhere.toml"):
        selx.run("daily", config=tmp_path / "nowhere.toml")


def test_every_error_of_a_file_is_told(tmp_path):
    path = tmp_path / "selx.toml"
    path.write_text('[check.host-disk.a]\nwith = { pahts = ["/"] }\n\n[check.host-memry.b]\n')
    path.chmod(0o600)
    with pytest.raises(selx.ConfigError) as caught:
        selx.run("daily", config=path)
    text = str(caught.value)
    assert "pahts" in text and "paths" in text
    assert "host-memry" in text and "host-memory" in text


def test_a_recording_that_cannot_be_written_is_told_before_anything_is_run(tmp_path, monkeypatch):
    monkeypatch.setenv("SELX_STATE_DIR", str(tmp_path / "state"))
    for place in (tmp_path / "none" / "record", tmp_path):
        with pytest.raises(selx.FileError, match=str(place)):
            selx.run("host-memory", record=place)
    assert not (tmp_path / "state").exists(), "nothing was run"
    with pytest.raises(selx.FileError):
        selx.replay(tmp_path / "none")


def test_a_history_of_its_own_or_none(tmp_path, monkeypatch):
    monkeypatch.setenv("SELX_STATE_DIR", str(tmp_path / "cron"))
    selx.run("host-memory", state=tmp_path / "board")
    assert (tmp_path / "board").is_dir() and not (tmp_path / "cron").exists()
    selx.run("host-memory", history=False)
    assert not (tmp_path / "cron").exists()


def test_a_stop_names_its_way_out_of_a_broken_configuration(tmp_path):
    # A folder of our own: a configuration that others may write is refused for that.
    config = tmp_path / "selx.toml"
    config.write_text("[check.host-disc.root]\n")
    with pytest.raises(selx.ConfigError, match="host-disc(?s:.*)`state=`"):
        selx.stop("why", config=config)
    assert selx.stop("why", config=config, state=tmp_path) is True
    assert selx.start(config=config, state=tmp_path) is True


def test_what_a_limit_says_is_not_told_where_nobody_knows():
    limits = {"used": {"warning": "0%", "critical": "0%", "for": "1h"}}
    result = selx.check("host-disk", paths=["/"], limits=limits)
    assert result.status == "unknown"
    assert [measure.level for measure in result.measures if measure.name == "used"] == [None]
