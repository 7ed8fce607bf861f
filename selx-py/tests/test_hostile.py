"""Code of an author's that lies, floods, hangs or is interrupted: nothing else than what was shown is done, nobody waits for
ever, and no secret is told."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import selx


def look(**own):
    """A registry with a kind of check that does what `own` says."""
    base = {"kind": "looks", "__doc__": "looks", "probe": lambda s, cx: {}, "judge": lambda s, f, j: "fine"}
    registry = selx.Registry()
    registry.register(type("Looks", (selx.CheckKind,), {**base, **own}))
    return registry


def act(**own):
    """A registry with a kind of action that does what `own` says."""
    base = {
        "kind": "acts",
        "__doc__": "acts",
        "resources": lambda s: ["files:/nowhere"],
        "plan": lambda s, cx: [selx.Step({"a": 1}, "target", "what", "safe", "it can be undone")],
        "apply": lambda s, step, permit, cx: selx.Applied.changed("done"),
        "probe": lambda s, step, cx: selx.Seen.before(),
        "undo": lambda s, step, permit, cx: selx.Applied.changed("undone"),
        "verify": lambda s, done, cx: [],
    }
    registry = selx.Registry()
    registry.register(type("Acts", (selx.ActionKind,), {**base, **own}))
    return registry


def as_process(code, tmp_path, timeout=30):
    script = tmp_path / "script.py"
    script.write_text(f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})\nfrom test_hostile import *\n" + textwrap.dedent(code))
    environment = {**os.environ, "SELX_STATE_DIR": str(tmp_path / "history")}
    return subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )


def ctrl_c(after):
    threading.Thread(target=lambda: (time.sleep(after), os.kill(os.getpid(), signal.SIGINT)), daemon=True).start()


@pytest.mark.parametrize(
    "other",
    [
        selx.Step({"id": 7}, "/srv/db", "delete old.log", "safe", "from the trash"),
        selx.Step({"id": 7}, "old.log", "delete old.log", "destructive", "from the trash"),
        selx.Step({"id": 7}, "old.log", "delete old.log", "safe", "cannot", undoable=False),
    ],
)
def test_what_is_done_is_about_what_was_shown(other, tmp_path):
    asked, done = [], []

    def plan(self, cx):
        asked.append(1)
        return [selx.Step({"id": 7}, "old.log", "delete old.log", "safe", "from the trash") if len(asked) == 1 else other]

    registry = act(plan=plan, apply=lambda s, step, permit, cx: done.append(step))
    shown = registry.plan(selx.Action("acts"), state=tmp_path)
    report = shown.apply(shown.hash)
    assert report.outcome == "stale" and done == [], str(report)


def test_a_saved_plan_in_other_words_is_not_applied(tmp_path):
    done = []

    def plan(self, cx):
        return [selx.Step({"id": 7}, "/srv/db", "delete the database", "destructive", "cannot", undoable=False)]

    registry = act(plan=plan, apply=lambda s, step, permit, cx: done.append(step))
    action, file = selx.Action("acts"), tmp_path / "plan"
    first = registry.plan(action, state=tmp_path / "state")
    first.save(file)
    file.write_text(file.read_text().replace("destructive", "safe"))
    changed = registry.load_plan(file, action=action, state=tmp_path / "state")
    assert changed.hash != first.hash and changed != first
    assert changed.apply(changed.hash).outcome == "stale" and done == []


class Silent(Exception):
    def __str__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize("error", [Silent(), selx.ProbeError("rejected", "no", object()), UnicodeError("\udc80")])
def test_an_error_that_cannot_be_told_is_an_answer(error, tmp_path):
    def fails(*_):
        raise error

    began = time.monotonic()
    plan = (registry := act(apply=fails)).plan(selx.Action("acts"), state=tmp_path)
    assert plan.apply(plan.hash).outcome == "failed"
    result = look(probe=fails).check("looks", timeout=20)
    assert result.status == ("critical" if isinstance(error, selx.ProbeError) else "unknown"), str(result)
    assert time.monotonic() - began < 15 and registry.unfinished(state=tmp_path) == []


@dataclasses.dataclass
class Config:
    token: selx.SecretRef


def test_no_plan_and_no_journal_tells_a_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("TOKEN", "hunter2-hunter2")

    def told(self, cx):
        return "with " + cx.secret(self.config.token)

    registry = act(
        Config=Config,
        plan=lambda s, cx: [selx.Step({"a": 1}, "target", told(s, cx), "safe", told(s, cx))],
        apply=lambda s, step, permit, cx: selx.Applied.changed(told(s, cx)),
        probe=lambda s, step, cx: selx.Seen.after(),
    )
    action, file, state = selx.Action("acts", token="env:TOKEN"), tmp_path / "plan", tmp_path / "state"
    registry.plan(action, state=state).save(file)
    loaded = registry.load_plan(file, action=action, state=state)
    report = loaded.apply(loaded.hash)
    assert report.outcome == "done", str(report)
    texts = [str(loaded), repr(loaded), json.dumps(loaded.to_dict()), loaded._repr_html_(), str(report), repr(report)]
    texts += [path.read_text(errors="replace") for path in [file, *state.rglob("*")] if path.is_file()]
    assert len(texts) > 7 and not any("hunter2" in text for text in texts)


def test_settings_that_are_not_taken_tell_no_secret_and_raise_what_is_no_error():
    def leave(self, config):
        raise SystemExit("login failed for hunter2-hunter2")

    with pytest.raises(SystemExit):
        look(__init__=leave).check("looks")


def test_what_ended_one_call_is_not_raised_by_another(tmp_path):
    def leave(self, config):
        raise SystemExit("not of the next one")

    # The limits of a measure are asked of an instance.
    leaving = look(__init__=leave, measures={"age": selx.MeasureDoc("seconds", "age", "Wait.")})
    with pytest.raises(SystemExit):
        leaving.explain("looks")
    assert selx.check("host-memory").kind == "host-memory"
    (tmp_path / "README.md").write_text("# looks")
    for _ in range(3):
        with pytest.raises(SystemExit):
            selx.testing.assert_contract(leaving, "looks", tmp_path)
        assert selx.run("host-memory", history=False).results
    config = tmp_path / "selx.toml"
    config.write_text("[check.looks.one]\n")
    for state in (None, tmp_path):
        with pytest.raises(SystemExit):
            leaving.stop(config=config, state=state)


@pytest.mark.parametrize("told", ["hunter2-hunter2", "hunter2"])
def test_a_target_that_is_a_secret_is_the_same_one_in_both_plans(told, tmp_path, monkeypatch):
    monkeypatch.setenv("TOKEN", "hunter2-hunter2")
    registry = act(
        Config=Config,
        plan=lambda s, cx: [selx.Step({"a": 1}, told, "what", "safe", "undo")],
        probe=lambda s, step, cx: selx.Seen.after(),
    )
    plan = registry.plan(selx.Action("acts", token="env:TOKEN"), state=tmp_path)
    assert plan.apply(plan.hash).outcome == "done"


@pytest.mark.parametrize(
    "call",
    [
        "look(__init__=lambda s, c: time.sleep(20)).check('looks')",
        "look(__init__=lambda s, c: time.sleep(20)).run(config=config())",
        "look(judge=slow).replay(recorded())",
    ],
)
def test_ctrl_c_is_heard_wherever_code_of_an_author_runs(call, tmp_path):
    code = f"""
        def config():
            with open("selx.toml", "w") as file:
                file.write("[check.looks.one]\\n[check.looks.two]\\n")
            return "selx.toml"

        def recorded():
            look().run(config=config(), record="record")
            return "record"

        def slow(self, facts, judging):
            time.sleep(4)
            return "slow"

        recorded()
        ctrl_c(1)
        began = time.monotonic()
        try:
            {call}
        except KeyboardInterrupt:
            print("heard", time.monotonic() - began < 2, flush=True)
        os._exit(0)
    """
    done = as_process(code, tmp_path)
    assert done.stdout == "heard True\n", done


def test_what_takes_its_time_to_begin_holds_no_other_check_up(tmp_path):
    config = tmp_path / "selx.toml"
    config.write_text("[check.looks.one]\n[check.looks.two]\n")
    slow = look(__init__=lambda s, c: [time.sleep(3), selx.check("host-memory"), None][-1])
    runs = [threading.Thread(target=lambda: slow.run(config=config, history=False)) for _ in range(3)]
    [run.start() for run in runs]
    time.sleep(0.3)
    began = time.monotonic()
    assert selx.check("host-memory", timeout=2).failure is None
    assert time.monotonic() - began < 2
    [run.join() for run in runs]
    # A check within the making of another one is odd, and works.
    assert slow.run(config=config, history=False).status == "ok"


STEPS = """
    def note(text):
        with open("log", "a") as log:
            log.write(text + ";")

    def slow(self, step, permit, cx):
        note("begun")
        time.sleep(2)
        note("ended")
        return selx.Applied.changed("done")

    def probe(self, step, cx):
        said = open("log").read()
        return selx.Seen.after() if "ended" in said and "undone" not in said else selx.Seen.before()

    def undo(self, step, permit, cx):
        note("undone")
        return selx.Applied.changed("undone")

    def plan(self, cx):
        return selx.Steps([selx.Step({"a": n}, str(n), "what", "safe", "undo") for n in (1, 2)], whole=True)

    def applied():
        plan_ = registry.plan(selx.Action("acts"), state="state")
        ctrl_c(1)
        try:
            plan_.apply(plan_.hash)
        except KeyboardInterrupt:
            print("interrupted", flush=True)

    registry = act(plan=plan, apply=slow, probe=probe, undo=undo)
"""


@pytest.mark.parametrize(
    "how",
    [
        "applied()",
        "applied(); ctrl_c(0.5)",
        "import multiprocessing as mp; child = mp.get_context('fork').Process(target=applied); child.start(); child.join()",
    ],
)
def test_the_step_at_hand_ends_before_its_process_does(how, tmp_path):
    code = textwrap.dedent(STEPS) + how
    done = as_process(code, tmp_path)
    assert (tmp_path / "log").read_text() == "begun;ended;undone;", done
    assert act().unfinished(state=tmp_path / "state") == [], done


def test_nothing_is_awaited_for_ever_at_the_end(tmp_path):
    code = """
        import atexit, asyncio
        def bye():
            async def main():
                return await selx.check_async("host-memory", timeout=2)
            try:
                asyncio.run(main())
            except selx.SelxError as error:
                print(error)
    """
    (tmp_path / "end.py").write_text(textwrap.dedent(code) + "atexit.register(bye)\nimport selx\nselx.check('host-memory')\n")
    done = subprocess.run([sys.executable, tmp_path / "end.py"], capture_output=True, text=True, timeout=30, check=False)
    assert "the interpreter is ending" in done.stdout, done


def test_the_end_of_another_interpreter_is_not_that_of_the_process():
    code = """
        import asyncio, sys
        import selx
        try:
            import _xxsubinterpreters as interpreters
        except ImportError:
            import _interpreters as interpreters
        other = interpreters.create()
        try:
            interpreters.run_string(other, f"import sys; sys.path[:0] = {sys.path!r}; import selx")
        except Exception as error:
            # Later Pythons refuse what is not made for it.
            assert "interpreter" in str(error), error
        interpreters.destroy(other)
        async def main():
            return await asyncio.wait_for(selx.check_async("host-memory", timeout=2), 10)
        print(asyncio.run(main()).kind)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "host-memory\n", done


def test_an_async_probe_that_loops_is_interrupted():
    turns = [0]

    async def probe(self, cx):
        while True:
            turns[0] += 1

    assert look(probe=probe).check("looks", timeout=0.5).failure.kind == "timed-out"
    until = time.monotonic() + 15
    while time.monotonic() < until:
        before = turns[0]
        time.sleep(0.5)
        if turns[0] == before:
            return
    pytest.fail("it goes on")


@pytest.mark.parametrize("kind", ["needs-data", "not-applicable"])
def test_a_part_that_was_not_seen_is_never_fine(kind):
    def probe(self, cx):
        cx.fault(kind, "the disk could not be seen")
        return {}

    assert look(probe=probe).check("looks").status == "unknown"


def test_settings_that_change_while_they_are_read():
    class Path:
        def __fspath__(self):
            check.settings["exclude"] = None
            return "/"

    check = selx.Check("host-disk")
    check.settings.update(paths=[Path()], x=None)
    (result,) = selx.check_many([check])
    assert result.kind == "host-disk"


def test_foreign_text_steers_no_terminal():
    result = look(judge=lambda s, f, j: "q \x1b[2J\nforged line").check("looks")
    assert "\x1b" not in repr(result) and "\n" not in repr(result)
    assert "\x1b" not in repr(selx.Finding("info", "code", "a\x1bb", "c"))


@pytest.mark.parametrize("step", [{"id": 2**64}, {"id": -(2**63) - 1}, {1: "a", "1": "b"}])
def test_a_step_that_would_be_another_one_in_its_journal_is_refused(step, tmp_path):
    registry = act(plan=lambda s, cx: [selx.Step(step, "target", "what", "safe", "undo")])
    with pytest.raises(selx.ActionError, match="64 are kept|are one as text"):
        registry.plan(selx.Action("acts"), state=tmp_path)


def test_texts_that_are_none_and_words_that_are_long():
    with pytest.raises(selx.ConfigError, match="UTF-8"):
        selx.check("host-disk", paths=["\udc80"])
    began = time.monotonic()
    with pytest.raises(selx.UsageError):
        selx.check("x" * 1_000_000)
    assert time.monotonic() - began < 5


def test_only_what_is_a_status_is_allowed():
    result = look(judge=lambda s, f, j: selx.Judgement("", [selx.Finding("critical", "bad", "", "is bad")]),
                  codes={"bad": selx.Code("It is bad.", "Mend it.")}).check("looks")
    assert result.status == "critical"
    selx.testing.assert_ok(result, allow="critical")
    with pytest.raises(selx.UsageError, match="no status"):
        selx.testing.assert_ok(result, allow="not critical at all")
    with pytest.raises(AssertionError):
        selx.testing.assert_ok(result, allow="warning")
