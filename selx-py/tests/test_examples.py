"""The examples of `examples/python`, each executed, and the contract of the kinds among them."""

import http.server
import importlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest

import selx
import selx.testing

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples" / "python"


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)


def test_the_contract_of_a_check():
    backlog = importlib.import_module("backlog")
    selx.testing.assert_contract(backlog.registry, "backlog", EXAMPLES / "backlog")


def test_the_contract_of_an_action(tmp_path):
    page = importlib.import_module("maintenance_page")
    selx.testing.assert_contract(page.registry, "maintenance-page", EXAMPLES / "maintenance_page")
    action = selx.Action("maintenance-page", page=tmp_path / "page.html", text="Back at five.")
    selx.testing.assert_life(page.registry, action, tmp_path / "state")
    assert (tmp_path / "page.html").read_text() == "Back at five."


def test_a_contract_that_is_broken_is_told(tmp_path):
    backlog = importlib.import_module("backlog")
    shutil.copytree(EXAMPLES / "backlog", tmp_path / "backlog")
    (tmp_path / "backlog" / "testcases" / "stuck.json").unlink()
    (tmp_path / "backlog" / "testcases" / "future.json").unlink()
    (tmp_path / "backlog" / "README.md").write_text("# other")
    with pytest.raises(AssertionError, match="`in-future`"):
        selx.testing.assert_contract(backlog.registry, "backlog", tmp_path / "backlog")
    with pytest.raises(selx.UsageError):
        selx.testing.assert_contract(backlog.registry, "backlok", tmp_path)
    page = importlib.import_module("maintenance_page")

    class Liar(page.MaintenancePage):
        """says that it is done before it is"""

        kind = "liar"

        def probe(self, step, cx):
            return selx.Seen.after()

    registry = selx.Registry()
    registry.register(Liar)
    with pytest.raises(AssertionError, match="only planned"):
        selx.testing.assert_life(registry, selx.Action("liar", page=tmp_path / "p", text="x"), tmp_path / "state")


def test_an_action_of_python_plans_without_the_right_to_write(tmp_path):
    page = importlib.import_module("maintenance_page")
    written = tmp_path / "written"

    class Sneaky(page.MaintenancePage):
        """writes while it plans"""

        kind = "sneaky"

        def plan(self, cx):
            written.write_text("x")
            return super().plan(cx)

    registry = selx.Registry()
    registry.register(Sneaky)
    with pytest.raises(selx.ActionError, match="PermissionError"):
        registry.plan("sneaky", page=tmp_path / "page.html", text="x", state=tmp_path / "state")
    assert not written.exists()


def test_an_action_of_python_that_fails_is_undone_and_told(tmp_path):
    page = importlib.import_module("maintenance_page")

    class Failing(page.MaintenancePage):
        """fails when half is done"""

        kind = "failing"

        def apply(self, step, permit, cx):
            assert permit.risk == "disruptive" and permit.locks
            super().apply(step, permit, cx)
            raise OSError("the disk is gone")

    class Nonsense(page.MaintenancePage):
        """gives back nothing"""

        kind = "nonsense"

        def apply(self, step, permit, cx):
            super().apply(step, permit, cx)

    registry = selx.Registry()
    for cls in (Failing, Nonsense):
        registry.register(cls)
        plan = registry.plan(cls.kind, page=tmp_path / f"{cls.kind}.html", text="x", state=tmp_path / "state")
        report = plan.apply(plan.hash)
        # The world says that it has happened, whatever the code said.
        assert report.outcome in ("done", "undone", "leftover", "failed"), str(report)
        assert registry.unfinished(state=tmp_path / "state") == []
        shown = (tmp_path / f"{cls.kind}.html").exists()
        assert shown == (report.outcome in ("done", "leftover")), str(report)


def test_the_timer_of_an_api(silent):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            time.sleep(1.2 if self.path == "/slow" else 0)
            self.send_response(404 if self.path == "/gone" else 200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    timer = [sys.executable, EXAMPLES / "api_timer.py"]
    well = subprocess.run([*timer, base, "/health"], capture_output=True, text=True, timeout=30, check=False)
    assert well.returncode == 0 and well.stdout.startswith("ok ") and " ms " in well.stdout, well
    ill = subprocess.run([*timer, base, "/health", "/gone"], capture_output=True, text=True, timeout=30, check=False)
    assert ill.returncode == 2 and "critical" in ill.stdout and "404" in ill.stdout, ill
    slow = subprocess.run([*timer, base, "/slow"], capture_output=True, text=True, timeout=30, check=False)
    assert slow.returncode == 1 and slow.stdout.startswith("warning"), slow
    for wrong in ([], ["shop"]):
        said = subprocess.run([*timer, *wrong], capture_output=True, text=True, timeout=30, check=False)
        assert said.returncode == 3 and said.stderr and "Traceback" not in said.stderr, said
    began = time.monotonic()
    hang = [*timer, f"http://127.0.0.1:{silent.port}", "/a", "/b", "/c"]
    assert subprocess.run(hang, capture_output=True, timeout=30, check=False).returncode == 2
    assert time.monotonic() - began < 12, "each has five seconds, side by side"
    server.shutdown()
    server.server_close()


def test_a_backlog_counts_what_waits_and_finds_a_clock_that_is_wrong(tmp_path):
    backlog = importlib.import_module("backlog")
    for name, age in (("old.eml", 7200), ("new.eml", -7200)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    (tmp_path / "folder.eml").mkdir()
    (tmp_path / "link.eml").symlink_to("nowhere")
    result = backlog.registry.check("backlog", folder=tmp_path)
    assert result.summary == "2 wait" and "in-future" in [finding.code for finding in result.findings], str(result)
    assert backlog.registry.check("backlog", folder="relative").failure.kind == "config"


def test_the_health_endpoint_of_fastapi(monkeypatch):
    from fastapi.testclient import TestClient

    module = importlib.import_module("fastapi_health")
    with TestClient(module.app) as client:
        answer = client.get("/health")
        assert [entry["kind"] for entry in answer.json()] == ["host-disk", "host-memory"]
        well = all(entry["status"] in ("ok", "warning") for entry in answer.json())
        assert answer.status_code == (200 if well else 503)
        assert client.get("/health").json() == answer.json(), "one look serves two seconds"
        monkeypatch.setattr(module, "CHECKS", [selx.Check("http", url="http://127.0.0.1:1/")])
        monkeypatch.setattr(module, "FRESH", 0.0)
        answer = client.get("/health")
        assert answer.status_code == 503 and answer.json()[0]["status"] == "critical"


@pytest.fixture
def redis(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", tmp_path],
        stdout=subprocess.DEVNULL,
    )
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait(10)


def test_a_task_of_celery(redis, tmp_path, monkeypatch):
    monkeypatch.setenv("BROKER", redis)
    module = importlib.import_module("celery_checks")
    module.app.conf.result_backend = redis
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    (outbox / "one.eml").touch()
    os.utime(outbox / "one.eml", (time.time() - 7200, time.time() - 7200))
    # The parent has checked before it forks, as a program does that looks while it starts.
    assert selx.check("host-memory").kind == "host-memory"
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES), "BROKER": redis, "PYTHONWARNINGS": ""}
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "celery_checks", "--result-backend", redis, "worker", "-c", "2", "-l", "ERROR"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        found = module.look.delay(str(outbox)).get(timeout=60)
        assert any("backlog.python-1 is warning: oldest file" in text for text in found), found
        assert module.look.delay(str(tmp_path / "nowhere")).get(timeout=60)[-1].startswith("backlog.python-1 is unknown")
    finally:
        worker.terminate()
        worker.wait(30)
