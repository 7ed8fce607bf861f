"""Checks in tests of pytest: the fixture ``selx_check``, and failures that say what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Union

import pytest

if TYPE_CHECKING:
    from collections.abc import Collection

    from ._registry import Registry
    from ._selx import Result


class Checker:
    """Runs a check, and fails the test where it is not ok."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    def __call__(self, kind: str, name: str = "pytest", /, *, allow: Union[str, Collection[str]] = (), **settings: Any) -> Result:
        """Runs a check like ``selx.check``, and fails the test unless it is ok, or of a status that ``allow`` names."""
        __tracebackhide__ = True
        from .testing import assert_ok

        result = self.registry.check(kind, name, **settings)
        assert_ok(result, allow=allow)
        return result


@pytest.fixture(scope="session")
def selx_registry() -> Registry:
    """The registry that ``selx_check`` asks; a test suite with kinds of its own has a fixture of the same name."""
    from ._registry import Registry

    return Registry()


@pytest.fixture
def selx_check(selx_registry: Registry) -> Checker:
    """A check as an assertion: ``selx_check("http", url=…)`` fails the test with what was found."""
    return Checker(selx_registry)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> Optional[list[str]]:
    """Says all of a result whose status was compared: ``assert result.status == "ok"`` shows only words otherwise."""
    from ._selx import Report, Result

    for side in (left, right):
        if isinstance(side, (Result, Report)):
            return [f"{left!r} {op} {right!r}", *str(side).splitlines()]
    return None
