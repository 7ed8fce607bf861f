"""What there is, and how the module looks from outside."""

import ast
import inspect
import pathlib
import subprocess
import sys
import time

import selx


def test_every_kind_is_listed_in_order():
    kinds = selx.kinds()
    names = [kind.id for kind in kinds]
    assert names == sorted(names)
    assert {"backup-create", "logs-clean"} == {kind.id for kind in kinds if kind.sort == "action"} & {"backup-create", "logs-clean", "http"}
    assert {"command", "host-cpu", "host-disk", "host-memory", "http", "tls-certificate"} <= set(names)
    for kind in kinds:
        assert kind.summary and kind.area, kind
        assert isinstance(kind.routines, list)
    disk = next(kind for kind in kinds if kind.id == "host-disk")
    assert disk.area == "host"
    assert "daily" in disk.routines
    assert repr(disk) == "<selx.Kind host-disk>"


def test_everything_that_is_promised_is_there():
    for name in selx.__all__:
        assert getattr(selx, name) is not None
    assert selx.__version__.count(".") == 2


def test_the_stubs_are_those_of_the_module():
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "selx", "--ignore-disjoint-bases"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_time_of_an_import_is_told(record_property, capsys):
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    bare = time.perf_counter() - began
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", "import sys, selx; print(sorted(m for m in sys.modules if 'selx' in m))"],
        check=True,
        capture_output=True,
        text=True,
    )
    took = time.perf_counter() - began
    with capsys.disabled():
        print(f"\nimport selx: {1000 * (took - bare):.0f} ms over a bare interpreter's {1000 * bare:.0f} ms")
    assert done.stdout.strip() == "['selx', 'selx._calls', 'selx._registry', 'selx._selx', 'selx.errors']"


def test_types_find_a_name_that_is_misspelt(tmp_path):
    (tmp_path / "script.py").write_text("import selx\n\nselx.testing.assert_ok(selx.check('host-memory'))\nselx.chekc('x')\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "script.py:4" in done.stdout and "chekc" in done.stdout and "1 error" in done.stdout, done.stdout


def test_every_public_name_says_what_it_is():
    """In `help()`, and with the words of the stub."""
    stub = ast.parse((pathlib.Path(selx.__file__).parent / "_selx.pyi").read_text())
    classes = [node for node in stub.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    assert {"Result", "Report", "Finding", "Measure", "Context"} < {cls.name for cls in classes}
    for cls in classes:
        for node in cls.body:
            if isinstance(node, ast.FunctionDef) and any(isinstance(name, ast.Name) for name in node.decorator_list):
                shown = inspect.getdoc(inspect.getattr_static(getattr(selx, cls.name), node.name))
                assert shown and shown == ast.get_docstring(node), f"{cls.name}.{node.name}"
    assert "..." not in str(inspect.signature(selx.Finding)) and "Ellipsis" not in str(inspect.signature(selx.Measure))
    for name in selx.__all__:
        assert name == "__version__" or inspect.getdoc(getattr(selx, name)), name


def test_testing_is_there_without_its_own_import():
    code = "import selx; selx.testing.assert_ok(selx.check('host-memory'), allow=('warning', 'critical'))"
    subprocess.run([sys.executable, "-c", code], check=True)
