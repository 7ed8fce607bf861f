"""selx: checks of a server's health that never say fine when they could not look.

>>> import selx
>>> result = selx.check("host-disk", paths=["/"])
>>> result.name
'python'
"""

from ._calls import Check, check_async, check_many, check_many_async, run_async
from ._selx import Attempt, Failure, Finding, Kind, Measure, Report, Result, __version__, check, kinds, run
from .errors import ConfigError, SelxError, UsageError

__all__ = [
    "Attempt",
    "Check",
    "ConfigError",
    "Failure",
    "Finding",
    "Kind",
    "Measure",
    "Report",
    "Result",
    "SelxError",
    "UsageError",
    "__version__",
    "check",
    "check_async",
    "check_many",
    "check_many_async",
    "kinds",
    "run",
    "run_async",
]
