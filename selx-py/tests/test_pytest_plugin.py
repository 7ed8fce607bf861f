"""The plugin for pytest, in a pytest of its own."""

import subprocess
import sys

TESTS = '''
import selx

def test_well(selx_check):
    result = selx_check("host-disk", paths=["/"], limits={"used": {"warning": "100%", "critical": "100%"}})
    assert result.kind == "host-disk"

def test_ill(selx_check):
    selx_check("http", "shop", url="http://127.0.0.1:1/")

def test_allowed(selx_check):
    assert selx_check("http", url="http://127.0.0.1:1/", allow=("critical",)).status == "critical"

def test_compared():
    result = selx.check("http", url="http://127.0.0.1:1/")
    assert result == selx.check("host-memory")
'''

OWN = '''
import pytest, selx

@pytest.fixture(scope="session")
def selx_registry():
    registry = selx.Registry()

    @registry.register
    class Own(selx.CheckKind):
        """own"""
        kind = "own"
        def probe(self, cx): return 1
        def judge(self, facts, judging): return "one"

    return registry

def test_own(selx_check):
    assert selx_check("own").summary == "one"
'''


def run(tmp_path, text):
    (tmp_path / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path]
    return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)


def test_a_failure_says_what_was_found(tmp_path):
    done = run(tmp_path, TESTS)
    assert done.returncode == 1 and "2 failed, 2 passed" in done.stdout, done.stdout
    assert "AssertionError: http.shop is critical: " in done.stdout
    # The frames of the plugin are nothing that a reader of a failure wants to see.
    assert "pytest_plugin.py" not in done.stdout and "testing.py" not in done.stdout
    assert "http.python is critical: " in done.stdout, "what was compared is told whole"


def test_kinds_of_ones_own(tmp_path):
    done = run(tmp_path, OWN)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout
