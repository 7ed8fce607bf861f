"""selx: checks of a server's health that never say fine when they could not look.

>>> import selx
>>> result = selx.check("host-disk", paths=["/"])
>>> result.name
'python'
"""

from ._selx import Attempt, Finding, Kind, Measure, Report, Result, __version__, check, kinds, run
from .errors import ConfigError, SelxError, UsageError

__all__ = [
    "Attempt",
    "ConfigError",
    "Finding",
    "Kind",
    "Measure",
    "Report",
    "Result",
    "SelxError",
    "UsageError",
    "__version__",
    "check",
    "kinds",
    "run",
]
