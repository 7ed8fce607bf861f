"""Kinds that are written in Python, beside those of selx and under the same limits."""

import asyncio
import dataclasses
import json
import os
import subprocess
import sys
import time
from typing import Annotated

import pytest

import selx


class Base(selx.CheckKind):
    """a number that its settings say"""

    kind = "said"
    measures = {"number": selx.MeasureDoc("count", "number that was said", "Say another one.")}
    codes = {"odd": selx.Code("The number is odd.", "Say an even one.")}
    limits = {"number": {"warning": 10, "critical": "20"}}

    @dataclasses.dataclass
    class Config:
        number: Annotated[int, "The number."] = 2

    def probe(self, cx):
        return {"number": self.config.number}

    def judge(self, facts, judging):
        found = []
        if facts["number"] % 2:
            found.append(selx.Finding("warning", "odd", "number", "is odd"))
        return selx.Judgement(f"the number is {facts['number']}", found, {"half": facts["number"] / 2})

    def measure(self, facts, judging):
        return [selx.Measure("number", facts["number"], "count")]


def registry_of(*classes):
    registry = selx.Registry()
    for cls in classes:
        registry.register(cls)
    return registry


def test_it_stands_beside_the_others():
    registry = registry_of(Base)
    result = registry.check("said", number=3)
    assert (result.status, result.summary) == ("warning", "the number is 3")
    (finding,) = result.findings
    assert (finding.code, finding.subject, finding.advice) == ("odd", "number", "Say an even one.")
    assert result.evidence == [("half", "1.5")]
    assert result.measures[0].value == 3 and result.measures[0].warning == "10"
    assert registry.check("said", number=12).status == "warning"
    assert registry.check("said", number=30).status == "critical"
    assert registry.check("said", number=30, limits={"number": {"critical": 100, "warning": 90}}).ok
    assert "said" in [kind.id for kind in registry.kinds()]
    assert "said" not in [kind.id for kind in selx.kinds()]
    page = registry.explain("said")
    assert page.startswith("# said") and "| `number` | a whole number | `2` | The number. |" in page
    assert "The number is odd. Say an even one." in page and "number that was said" in page
    assert "said" in json.dumps(registry.schema())
    assert registry.check("host-memory").kind == "host-memory"


def test_two_registries_do_not_meet():
    class Other(Base):
        """one more of them"""

    first, second = registry_of(Base), registry_of(Other)
    assert "one more of them" in second.explain("said") and "one more of them" not in first.explain("said")
    with pytest.raises(selx.UsageError, match="registered already"):
        first.register(Other)
    with pytest.raises(selx.UsageError, match="a registry of one's own"):
        selx.check.__self__.register(Base)


def test_settings_are_checked_like_those_of_every_kind():
    registry = registry_of(Base)
    with pytest.raises(selx.ConfigError, match="unknown setting `nmber`; is `number` meant"):
        registry.check("said", nmber=3)
    with pytest.raises(selx.ConfigError, match="expected a whole number, found a text"):
        registry.check("said", number="three")
    with pytest.raises(selx.UsageError, match="is `said` meant"):
        registry.check("sayd")


def test_a_run_of_a_file_with_needs_history_record_and_replay(tmp_path):
    class Counting(Base):
        """how often it looked"""

        kind = "counting"
        remembers = True
        limits = {}

        def probe(self, cx):
            assert (cx.previous is None) == (cx.since_previous is None)
            return {"number": 0 if cx.previous is None else cx.previous["number"] + 2}

        def judge(self, facts, judging):
            before = None if judging.previous is None else judging.previous["number"]
            assert before is None or judging.since_previous > 0 and judging.previous_seen < judging.now
            return f"{before} then {facts['number']}"

    registry = registry_of(Base, Counting)
    config = tmp_path / "selx.toml"
    config.write_text(
        f"[history]\npath = '{tmp_path / 'state'}'\n[check.said.first]\nwith = {{ number = 30 }}\n"
        "[check.counting.second]\nneeds = ['said.first']\n"
    )
    assert registry.validate(config) == ["said.first", "counting.second"]
    record = tmp_path / "record.json"
    reports = [registry.run(config=config, record=record) for _ in range(3)]
    assert [report["counting.second"].summary for report in reports] == ["None then 0", "0 then 2", "2 then 4"]
    assert reports[0]["said.first"].status == "critical"
    again = registry.replay(record)
    assert again["counting.second"].summary == "2 then 4"
    config.write_text("[check.said.first]\nlimits = { number = { warning = 50, critical = 60 } }\n")
    assert registry.replay(record, config=config)["said.first"].ok
    unknown = selx.replay(record)
    assert unknown["said.first"].status == "unknown", "a program without the kind says so"


def probing(run, **attributes):
    cls = type("Probing", (selx.CheckKind,), {"__doc__": "runs code", "kind": "probing", "probe": run, **attributes})
    cls.judge = attributes.get("judge", lambda self, facts, judging: str(facts))
    return registry_of(cls)


def raising(error):
    def probe(self, cx):
        raise error

    return probing(probe)


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (selx.ProbeError("unreachable", "nobody is there", "start it"), "unreachable", "critical"),
        (selx.ProbeError("not-applicable", "there is none"), "not-applicable", "skipped"),
        (ConnectionRefusedError("no"), "unreachable", "critical"),
        (TimeoutError("late"), "no-answer", "critical"),
        (PermissionError("no"), "denied", "unknown"),
        (FileNotFoundError("no"), "missing", "unknown"),
        (ZeroDivisionError("by zero"), "bug", "unknown"),
        (SystemExit(0), "bug", "unknown"),
        (KeyboardInterrupt(), "bug", "unknown"),
    ],
)
def test_what_a_probe_raises_is_told(error, kind, status):
    result = raising(error).check("probing")
    assert (result.failure.kind, result.status) == (kind, status), result
    if isinstance(error, ZeroDivisionError):
        assert "test_own_kinds.py:" in result.failure.message and "by zero" in result.failure.message


def test_a_probe_that_blocks_is_left_in_time():
    for probe in (lambda self, cx: time.sleep(5), busy, asleep):
        began = time.monotonic()
        result = probing(probe).check("probing", timeout=0.3)
        assert time.monotonic() - began < 2
        assert (result.failure.kind, result.status) == ("timed-out", "unknown"), result


def busy(self, cx):
    while True:
        pass


async def asleep(self, cx):
    try:
        await asyncio.sleep(60)
    finally:
        ENDED.append(True)


ENDED = []


def test_code_that_nobody_waits_for_is_interrupted():
    seen = []

    def probe(self, cx):
        try:
            while True:
                time.sleep(0.01)
        finally:
            seen.append(cx.cancelled)

    ENDED.clear()
    assert not probing(probe).check("probing", timeout=0.2)
    assert not probing(asleep).check("probing", timeout=0.2)
    until = time.monotonic() + 5
    while (not seen or not ENDED) and time.monotonic() < until:
        time.sleep(0.01)
    assert seen == [True] and ENDED == [True]


def test_an_async_probe():
    async def probe(self, cx):
        await asyncio.sleep(0)
        return {"limit": cx.limit, "left": 0 < cx.remaining <= cx.limit}

    registry = probing(probe)
    assert registry.check("probing", timeout=3).summary == "{'left': True, 'limit': 3.0}"
    assert asyncio.run(registry.check_async("probing", timeout=3)).ok


@pytest.mark.parametrize(
    "given",
    [object(), {"x": object()}, float("nan"), b"bytes", 1 + 2j],
)
def test_facts_that_are_nonsense(given):
    result = probing(lambda self, cx: given).check("probing")
    assert (result.status, result.failure.kind) == ("unknown", "bug"), result


@pytest.mark.parametrize(
    ("judge", "words"),
    [
        (lambda self, facts, judging: None, "NoneType"),
        (lambda self, facts, judging: 1 / 0, "ZeroDivisionError"),
        (lambda self, facts, judging: selx.Judgement("x", ["no finding"]), "wanted are findings"),
        (
            lambda self, facts, judging: selx.Judgement("x", [selx.Finding("warning", "other", "", "x")]),
            "no code of `probing`",
        ),
    ],
)
def test_judgements_that_are_nonsense(judge, words):
    result = probing(lambda self, cx: 1, judge=judge).check("probing")
    assert result.status == "unknown" and result.failure.kind == "bug" and words in result.headline, result


def test_a_judgement_that_hangs_does_not_hold_others_up():
    def judge(self, facts, judging):
        while True:
            time.sleep(0.01)

    began = time.monotonic()
    result = probing(lambda self, cx: 1, judge=judge).check("probing", timeout=1)
    assert result.status == "unknown" and "did not end" in result.headline
    assert time.monotonic() - began < 9


def test_a_secret_is_in_no_text(monkeypatch, tmp_path):
    monkeypatch.setenv("SHOP_TOKEN", "hunter22-and-more")
    seen = []

    class Leaking(selx.CheckKind):
        """says what it should not"""

        kind = "leaking"
        codes = {"leak": selx.Code("It leaks.", "Mend it.")}

        @dataclasses.dataclass
        class Config:
            token: selx.SecretRef

        def probe(self, cx):
            secret = cx.secret(self.config.token)
            seen.append(secret)
            with pytest.raises(selx.UsageError, match="no secret of the settings"):
                cx.secret("env:PATH")
            cx.fault("denied", f"not with {secret}")
            return {"token": secret}

        def judge(self, facts, judging):
            return selx.Judgement(facts["token"], [selx.Finding("warning", "leak", facts["token"], facts["token"])])

    registry = registry_of(Leaking)
    record = tmp_path / "record.json"
    config = tmp_path / "selx.toml"
    config.write_text("[history]\nenabled = false\n[check.leaking.one]\nwith = { token = 'env:SHOP_TOKEN' }\n")
    result = registry.check("leaking", token="env:SHOP_TOKEN")
    report = registry.run(config=config, record=record)
    assert seen == ["hunter22-and-more"] * 2
    for text in (str(result), repr(result), json.dumps(result.to_dict()), report.to_json(), record.read_text()):
        assert "hunter22" not in text and "leak" in text
    missing = registry.check("leaking", token="env:NOT_THERE_AT_ALL")
    assert (missing.status, missing.failure.kind) == ("unknown", "missing")


def test_many_at_once_from_many_threads():
    registry = probing(lambda self, cx: time.sleep(0.1))
    began = time.monotonic()
    results = registry.check_many([selx.Check("probing") for _ in range(40)], concurrency=40)
    assert all(results) and len(results) == 40
    assert time.monotonic() - began < 3, "one after the other it is 4 s"


def test_a_class_that_is_no_kind():
    class Nameless(selx.CheckKind):
        """nothing"""

    class Silent(Base):
        kind = "silent"
        __doc__ = None

    class Bad(Base):
        """bad name"""

        kind = "Bad_Name"

    class Odd(Base):
        """a type that no setting has"""

        kind = "odd"
        Config = dataclasses.make_dataclass("Config", [("x", complex)])

    for cls, words in [
        (int, "no subclass"),
        (Nameless, "has no name"),
        (Silent, "says nothing about itself"),
        (Bad, "a name is lower-case"),
        (Odd, "cannot have the type"),
        (type("Half", (selx.CheckKind,), {"kind": "half", "__doc__": "half"}), "`probe`, `judge`"),
    ]:
        with pytest.raises(selx.SelxError, match=words):
            selx.Registry().register(cls)


def test_a_process_that_ends_does_not_wait_for_what_nobody_waits_for():
    code = (
        "import selx, time\n"
        "class Slow(selx.CheckKind):\n"
        "    'waits'\n"
        "    kind = 'slow'\n"
        "    def probe(self, cx): time.sleep(60)\n"
        "    def judge(self, facts, judging): return 'x'\n"
        "registry = selx.Registry(); registry.register(Slow)\n"
        "print(registry.check('slow', timeout=0.2).status)\n"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "unknown\n", "")
    assert time.monotonic() - began < 10
