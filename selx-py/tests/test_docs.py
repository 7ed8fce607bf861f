"""Every example of the documentation is executed: those of docstrings, of `docs/python.md` and of the README."""

import ast
import dataclasses
import doctest
import os
import pathlib
import re
import subprocess
import sys

import pytest

import selx
import selx.testing

ROOT = pathlib.Path(__file__).parents[2]
PACKAGE = ROOT / "selx-py" / "python" / "selx"
FLAGS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL


def docstrings():
    for path in sorted([*PACKAGE.glob("*.py"), *PACKAGE.glob("*.pyi")]):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                text = ast.get_docstring(node)
                if text and ">>>" in text:
                    yield pytest.param(text, id=f"{path.name}:{getattr(node, 'name', 'module')}")


@pytest.mark.parametrize("text", list(docstrings()))
def test_a_docstring(text):
    scope = {"selx": selx, "dataclasses": dataclasses, "pathlib": pathlib, "os": os}
    example = doctest.DocTestParser().get_doctest(text, scope, "docstring", None, 0)
    said = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    assert runner.run(example, out=said.append).failed == 0, "".join(said)
    assert example.examples


def test_what_is_public_has_a_docstring():
    silent = []
    for path in sorted(PACKAGE.glob("*.py*")):
        for node in ast.parse(path.read_text()).body:
            public = isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_")
            if public and node.name in selx.__all__ and not ast.get_docstring(node):
                silent.append(f"{path.name}: {node.name}")
    assert silent == []


def blocks(path):
    return re.findall(r"^```python\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


CONFIG = """
[history]
path = "{state}"

[check.http.shop]
with = {{ url = "http://127.0.0.1:1/" }}

[action.logs-clean.shop]
with = {{ path = "{logs}", older-than = "30d" }}
"""


@pytest.mark.parametrize("page", ["docs/python.md", "README.md"])
def test_the_blocks_of_a_page(page, tmp_path):
    # As a script author runs them: one after the other, in a folder with a configuration, on a host without a network.
    (tmp_path / "logs").mkdir()
    config = tmp_path / "selx.toml"
    config.write_text(CONFIG.format(state=tmp_path / "state", logs=tmp_path / "logs"))
    (tmp_path / "outbox.toml").write_text(f'[check.backlog.outbox]\nwith = {{ folder = "{tmp_path}" }}\n')
    code = blocks(ROOT / page)
    assert code, "the page has no examples"
    script = tmp_path / "script.py"
    script.write_text("\n\n".join(code))
    environment = {**os.environ, "SELX_CONFIG": str(config), "API_TOKEN": "a-secret-of-tests"}
    done = subprocess.run(
        [sys.executable, "-W", "error", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
