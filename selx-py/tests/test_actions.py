"""Actions: a plan that changes nothing, a confirmation, what came of it, and runs that were killed."""

import asyncio
import dataclasses
import os
import pathlib
import pickle
import subprocess
import sys
import time

import pytest

import selx


@pytest.fixture
def logs(tmp_path):
    """A folder with two logs that are due and one that is not."""
    folder = tmp_path / "logs"
    folder.mkdir()
    for name in ("app.log", "web.log"):
        (folder / name).write_text("a line\n" * 1000)
    (folder / "small.log").write_text("a line\n")
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def rotate(folder, **more):
    return selx.Action("logs-rotate", path=folder, larger_than="4KiB", reopen=["/bin/true"], **more)


def test_a_plan_shows_and_changes_nothing(logs, tmp_path):
    before = names(logs)
    plan = selx.plan(rotate(logs), state=tmp_path / "state")
    assert names(logs) == before
    assert plan.confined, "the kernel of the tests knows Landlock"
    assert plan.action == "logs-rotate.python"
    assert len(plan) == len(plan.steps) > 0
    step = plan.steps[0]
    assert step.target == "app.log"
    assert plan.risk == max((one.risk for one in plan.steps), key=["safe", "disruptive", "destructive"].index)
    assert plan.bytes == sum(one.bytes or 0 for one in plan.steps)
    assert step.undo and all(isinstance(one.undoable, bool) for one in plan.steps)
    assert plan.kept and all(kept.count and kept.why for kept in plan.kept)
    assert plan.refused == ()
    assert plan.hindrance is None
    assert str(plan).endswith(f'`plan.apply("{plan.hash}")`\n') and len(plan.hash) == 9
    assert repr(plan) == f"<selx.Plan logs-rotate.python {plan.hash}: {len(plan)} steps>"
    assert "<pre" in plan._repr_html_()
    assert plan.to_dict()["confirm"] == plan.hash
    again = selx.plan(rotate(logs), state=tmp_path / "state")
    assert again == plan and hash(again) == hash(plan) and again is not plan
    empty = selx.plan("logs-rotate", path=logs, larger_than="1GiB", state=tmp_path / "state")
    assert len(empty) == 0 and empty.risk is None and bool(empty), "a plan to do nothing is one as well"


def test_nothing_is_done_without_a_confirmation(logs, tmp_path):
    plan = selx.plan(rotate(logs), state=tmp_path / "state")
    before = names(logs)
    with pytest.raises(selx.UsageError, match="nobody confirmed"):
        plan.apply()
    with pytest.raises(selx.UsageError, match="permits `logs-rotate.python`"):
        plan.apply(permitted=True)
    with pytest.raises(selx.UsageError, match="not by both"):
        plan.apply(plan.hash, permitted=True)
    with pytest.raises(selx.UsageError, match="not the hash of a plan"):
        plan.apply("yes")
    report = plan.apply("0000-0000")
    assert (report.outcome, report.ok, bool(report), report.exit_code) == ("unconfirmed", False, False, 13)
    assert report.why and report.run is None
    assert names(logs) == before


def test_what_was_confirmed_is_done_and_verified(logs, tmp_path):
    plan = selx.plan(rotate(logs), state=tmp_path / "state")
    report = plan.apply(plan.hash)
    assert report.outcome == "done" and report.ok and report.exit_code == 0
    assert [step.state for step in report.steps] == ["changed"] * len(plan)
    assert [name.partition("-")[0] for name in names(logs)] == ["app.log", "app.log", "small.log", "web.log", "web.log"]
    assert (logs / "app.log").read_text() == "" and len((logs / names(logs)[1]).read_text()) == 7000
    assert report.run and report.took > 0
    assert report.space and all(space.size > space.free_after > 0 for space in report.space)
    assert "done" in str(report) and "<pre" in report._repr_html_()
    assert pickle.loads(pickle.dumps(report)) == report
    # The same plan a second time changes nothing.
    assert plan.apply(plan.hash).outcome in ("done", "stale")


def test_a_policy_permits_and_refuses(logs, tmp_path):
    plan = selx.plan(rotate(logs, permit={"risk": "disruptive", "max-steps": 1}), state=tmp_path / "state")
    report = plan.apply(permitted=True)
    assert report.outcome == "unconfirmed" and "the policy permits 1" in report.why[0]
    plan = selx.plan(rotate(logs, permit={"risk": "disruptive"}), state=tmp_path / "state")
    assert plan.apply(permitted=True).ok


def test_a_plan_from_a_file_and_one_that_was_saved(logs, tmp_path):
    config = tmp_path / "selx.toml"
    config.write_text(
        f"[history]\npath = '{tmp_path / 'state'}'\n"
        f"[action.logs-rotate.app]\nwith = {{ path = '{logs}', larger-than = '4KiB', reopen = ['/bin/true'] }}\n"
        f"[action.logs-clean.first]\nwith = {{ path = '{logs}', older-than = '9d' }}\n"
        f"[action.logs-clean.other]\nwith = {{ path = '{logs}', older-than = '9d' }}\n"
    )
    plan = selx.plan("app", config=config)
    assert plan.action == "logs-rotate.app" and len(plan) > 0
    with pytest.raises(selx.UsageError, match="logs-clean.first, logs-clean.other"):
        selx.plan("logs-clean", config=config)
    with pytest.raises(selx.UsageError, match="is `app` meant"):
        selx.plan("apq", config=config)
    saved = tmp_path / "plan.json"
    plan.save(saved)
    assert saved.stat().st_mode & 0o777 == 0o600
    with pytest.raises(TypeError, match="save"):
        pickle.dumps(plan)
    read = selx.load_plan(saved, config=config)
    assert read == plan and read.confined is None, "how it was made is not known"
    assert read.apply(read.hash).ok
    with pytest.raises(selx.ActionError, match="is no plan"):
        selx.load_plan(config, config=config)
    with pytest.raises(selx.ActionError, match="no plan of selx; name another file"):
        plan.save(config)
    saved.chmod(0o666)
    with pytest.raises(selx.ActionError, match="others own or may write"):
        selx.load_plan(saved, config=config)


def test_what_is_wrong_is_raised(tmp_path):
    with pytest.raises(selx.UsageError, match="is `logs-clean` meant"):
        selx.plan("logs-claen", path="/tmp", older_than="1d")
    with pytest.raises(selx.UsageError, match="kind of check"):
        selx.plan("host-disk", paths=["/"])
    with pytest.raises(selx.UsageError, match="kind of action"):
        selx.check("logs-clean", path="/tmp", older_than="1d")
    with pytest.raises(selx.ConfigError, match="is `older_than` meant"):
        selx.plan("logs-clean", path="/tmp", older_then="1d")
    with pytest.raises(selx.ConfigError, match="disruptive"):
        selx.plan(selx.Action("logs-clean", path="/tmp", older_than="1d", permit={"risk": "any"}))
    with pytest.raises(selx.ActionError) as raised:
        selx.plan("logs-clean", path=tmp_path / "nowhere", older_than="1d", state=tmp_path / "state").apply("0" * 8)
    assert "nowhere" in raised.value.message and isinstance(raised.value, RuntimeError)
    with pytest.raises(selx.UsageError, match="has its name and settings"):
        selx.plan(rotate(tmp_path), path="/")


def test_stop_and_start(logs, tmp_path):
    state = tmp_path / "state"
    plan = selx.plan(rotate(logs), state=state)
    assert selx.stop("work on the disk", state=state) is True
    assert selx.stop(state=state) is False
    assert "work on the disk" in plan.hindrance
    report = plan.apply(plan.hash)
    assert not report.ok and "work on the disk" in " ".join(report.why)
    assert selx.start(state=state) is True and selx.start(state=state) is False
    assert plan.apply(plan.hash).ok


def test_in_an_event_loop(logs, tmp_path):

    async def main():
        plan = await selx.plan_async(rotate(logs), state=tmp_path / "state")
        report = await plan.apply_async(plan.hash)
        assert report.ok, str(report)
        with pytest.raises(selx.UsageError, match="no run"):
            await selx.recover_async("nothing", state=tmp_path / "state")

    asyncio.run(main())


OWN = '''
import os, pathlib, signal, sys, time
import selx

class Marks(selx.ActionKind):
    """puts files into a folder, one by one"""

    kind = "marks"
    Config = __import__("dataclasses").make_dataclass("Config", [("folder", pathlib.Path), ("count", int, 3)])

    def resources(self):
        return [f"files:{self.config.folder}"]

    def plan(self, cx):
        paths = [self.config.folder / f"mark-{number}" for number in range(self.config.count)]
        return [
            selx.Step(step={"path": str(path)}, target=str(path), what=f"make {path}", risk="safe", undo=f"delete {path}")
            for path in paths
            if not path.exists()
        ]

    def apply(self, step, permit, cx):
        pathlib.Path(step["path"]).touch()
        if step["path"].endswith(sys.argv[2]):
            if sys.argv[3] == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            print("slow", flush=True)
            while not os.path.exists(sys.argv[3]):
                time.sleep(0.02)
        return selx.Applied.changed("made")

    def probe(self, step, cx):
        return selx.Seen.after() if os.path.exists(step["path"]) else selx.Seen.before()

    def undo(self, step, permit, cx):
        os.remove(step["path"])
        return selx.Applied.changed("gone")

    def verify(self, done, cx):
        return []

registry = selx.Registry()
registry.register(Marks)
if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    plan = registry.plan("marks", folder=folder / "marks", state=folder / "state")
    print(plan.apply(plan.hash), flush=True)
'''


@pytest.fixture
def own(tmp_path):
    """A program with an action of its own, that is killed, or slow, at one of its steps."""
    (tmp_path / "marks").mkdir()
    program = tmp_path / "own.py"
    program.write_text(OWN)
    return program


def test_a_run_that_was_killed_is_recovered(own, tmp_path, monkeypatch):
    done = subprocess.run([sys.executable, own, tmp_path, "1", "kill"], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    state = tmp_path / "state"
    (open_run,) = selx.unfinished(state=state)
    assert open_run.action == "marks.python" and open_run.damaged is None
    assert abs(open_run.begun.timestamp() - time.time()) < 60
    # This registry does not know the kind, and says so; it changes nothing.
    report = selx.recover(open_run.run, state=state)
    assert not report.ok and "marks" in str(report)
    monkeypatch.setattr(sys, "argv", ["own", str(tmp_path), "none", "none"])
    scope = {"__name__": "own"}
    exec(compile(OWN, "own.py", "exec"), scope)
    registry = scope["registry"]
    report = registry.recover(open_run.run, state=state)
    assert report.outcome == "skips", str(report)
    assert [step.state for step in report.steps] == ["changed", "changed", "not-begun"]
    assert names(tmp_path / "marks") == ["mark-0", "mark-1"], "what had happened stays"
    assert registry.unfinished(state=state) == []
    assert registry.plan("marks", folder=tmp_path / "marks", state=state).hindrance is None
    with pytest.raises(selx.UsageError, match="no run"):
        registry.recover("20260101-000000-abcd", state=state)


def test_ctrl_c_ends_after_the_step_at_hand(own, tmp_path):
    import signal

    go_on = tmp_path / "go-on"
    child = subprocess.Popen(
        [sys.executable, own, tmp_path, "1", go_on], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "slow\n"
    child.send_signal(signal.SIGINT)
    # It is heard while the step is done, and the process does not end before that.
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(1.5)
    go_on.touch()
    _, said = child.communicate(timeout=30)
    assert child.returncode != 0 and "KeyboardInterrupt" in said
    # The step was finished, no further one was begun, and the journal is closed.
    assert names(tmp_path / "marks") == ["mark-0", "mark-1"]
    assert selx.unfinished(state=tmp_path / "state") == []


class Whole(selx.ActionKind):
    """makes two files, both or none"""

    kind = "whole"
    Config = dataclasses.make_dataclass("Config", [("folder", pathlib.Path)])
    events = []

    def resources(self):
        return [f"files:{self.config.folder}"]

    def plan(self, cx):
        paths = [self.config.folder / name for name in ("one", "two")]
        steps = [
            selx.Step(step=str(path), target=str(path), what=f"make {path}", risk="safe", undo=f"delete {path}")
            for path in paths
            if not path.exists()
        ]
        return selx.Steps(steps, whole=True)

    def apply(self, step, permit, cx):
        pathlib.Path(step).touch()
        if step.endswith("two"):
            self.events.append("at work")
            while not cx.cancelled:
                time.sleep(0.01)
            # It goes on for a while after it was asked to end.
            time.sleep(0.3)
            raise OSError("half of it is done")
        return selx.Applied.changed("made")

    def probe(self, step, cx):
        return selx.Seen.after() if os.path.exists(step) else selx.Seen.before()

    async def undo(self, step, permit, cx):
        assert permit.locks
        await asyncio.sleep(0.2)
        os.remove(step)
        self.events.append(f"undone {os.path.basename(step)}")
        return selx.Applied.changed("gone")

    def verify(self, done, cx):
        self.events.append(f"verified {len(done)}")
        return []


def test_what_was_cancelled_is_ended_and_undone_before_it_is_told(tmp_path):
    registry = selx.Registry()
    registry.register(Whole)
    (tmp_path / "both").mkdir()
    state = tmp_path / "state"
    Whole.events.clear()

    async def main():
        plan = await registry.plan_async("whole", folder=tmp_path / "both", state=state)
        task = asyncio.ensure_future(plan.apply_async(plan.hash))
        while not Whole.events:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    until = time.monotonic() + 20
    while (registry.unfinished(state=state) or names(tmp_path / "both") or selx_is_at_work(state)) and time.monotonic() < until:
        time.sleep(0.05)
    assert names(tmp_path / "both") == []
    assert registry.unfinished(state=state) == []
    assert Whole.events[:3] == ["at work", "undone two", "undone one"], Whole.events


def selx_is_at_work(state):
    """Whether a run has not put its journal away yet."""
    return any(path.is_file() for path in (state / "journal").iterdir())
