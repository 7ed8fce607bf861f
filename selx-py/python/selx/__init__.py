"""selx: checks of a server's health that never say fine when they could not look, and actions that change nothing that they
did not first show.

>>> import selx
>>> result = selx.check("host-disk", paths=["/"])
>>> result.name
'python'
"""

from __future__ import annotations

import atexit as _atexit
import os as _os

from . import _selx
from ._calls import Action, Check
from ._registry import Registry
from ._selx import (
    Attempt,
    Context,
    Failure,
    Finding,
    Kind,
    Measure,
    Permit,
    Report,
    Result,
    __version__,
)
from .errors import ActionError, ConfigError, FileError, ProbeError, SelxError, UsageError

# `typing` is a third of the time of an import, and only those who read types need it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import testing as testing
    from ._actions import ActionReport, Kept, Plan, PlannedStep, Refused, Space, StepReport, Unfinished
    from ._kinds import (
        ActionKind,
        Applied,
        CheckKind,
        Code,
        Judgement,
        Judging,
        MeasureDoc,
        Seen,
        Step,
        Steps,
    )
    from ._secret import SecretRef

_registry = Registry()
_registry._fixed = True

check = _registry.check
check_async = _registry.check_async
check_many = _registry.check_many
check_many_async = _registry.check_many_async
explain = _registry.explain
kinds = _registry.kinds
load_plan = _registry.load_plan
plan = _registry.plan
plan_async = _registry.plan_async
recover = _registry.recover
recover_async = _registry.recover_async
replay = _registry.replay
run = _registry.run
run_async = _registry.run_async
schema = _registry.schema
start = _registry.start
stop = _registry.stop
unfinished = _registry.unfinished
validate = _registry.validate

# Threads are not inherited: a process that was forked starts its own.
_os.register_at_fork(after_in_child=_selx._forked)
# An action that was interrupted ends its step before the process ends.
_selx._enter()
_atexit.register(_selx._leave)

# What only authors of kinds need is loaded when it is asked for.
_LATER = {
    **dict.fromkeys(
        ("ActionReport", "Kept", "Plan", "PlannedStep", "Refused", "Space", "StepReport", "Unfinished"), "_actions"
    ),
    **dict.fromkeys(
        (
            "ActionKind",
            "Applied",
            "CheckKind",
            "Code",
            "Judgement",
            "Judging",
            "MeasureDoc",
            "Seen",
            "Step",
            "Steps",
        ),
        "_kinds",
    ),
    "SecretRef": "_secret",
}


# Whoever checks types sees the names themselves, and finds one that is misspelt.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        import importlib

        if name == "testing":
            return importlib.import_module("selx.testing")
        module = _LATER.get(name)
        if module is None:
            raise AttributeError(f"module 'selx' has no attribute {name!r}")
        value = getattr(importlib.import_module(f"selx.{module}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, "testing"})


__all__ = [
    "Action",
    "ActionError",
    "ActionKind",
    "ActionReport",
    "Applied",
    "Attempt",
    "Check",
    "CheckKind",
    "Code",
    "ConfigError",
    "Context",
    "Failure",
    "FileError",
    "Finding",
    "Judgement",
    "Judging",
    "Kept",
    "Kind",
    "Measure",
    "MeasureDoc",
    "Permit",
    "Plan",
    "PlannedStep",
    "ProbeError",
    "Refused",
    "Registry",
    "Report",
    "Result",
    "SecretRef",
    "Seen",
    "SelxError",
    "Space",
    "Step",
    "StepReport",
    "Steps",
    "Unfinished",
    "UsageError",
    "__version__",
    "check",
    "check_async",
    "check_many",
    "check_many_async",
    "explain",
    "kinds",
    "load_plan",
    "plan",
    "plan_async",
    "recover",
    "recover_async",
    "replay",
    "run",
    "run_async",
    "schema",
    "start",
    "stop",
    "unfinished",
    "validate",
]
