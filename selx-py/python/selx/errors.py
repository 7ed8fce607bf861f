"""What selx raises. Only what the caller got wrong is raised; what a check finds is in its result."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional


class SelxError(Exception):
    """The root of every exception of selx."""


class ConfigError(SelxError, ValueError):
    """A setting, a limit or a configuration file is wrong. The text names every error, with the nearest right word."""


class UsageError(SelxError, ValueError):
    """There is no kind, check, action, run or routine of this name, or a call that makes no sense was made."""


class _Told(SelxError):
    """An error that says what to do."""

    message: str
    advice: Optional[str]

    def __init__(self, message: str, advice: Optional[str] = None) -> None:
        super().__init__(message, advice)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message}; {self.advice}" if self.advice else self.message


class ActionError(_Told, RuntimeError):
    """An action could not be planned, or its machine not be asked. Nothing was changed.

    ``message`` says what, where and why; ``advice`` what to do, if that is known.
    """


class FileError(_Told, RuntimeError):
    """The recording of a run cannot be read or written.

    ``message`` says what, where and why; ``advice`` what to do, if that is known.
    """


class ProbeError(_Told, RuntimeError):
    """Raised by a kind that is written in Python, where it could not look.

    ``kind`` is the word for it: ``unreachable``, ``no-answer``, ``protocol`` and ``rejected`` are about the subject, and the
    check is critical; with ``denied``, ``missing``, ``local``, ``limit`` and ``timed-out`` it is unknown, and with
    ``not-applicable`` and ``needs-data`` skipped. A word that is none is a ``UsageError``.

    >>> raise selx.ProbeError("unreachable", "the queue does not answer", "is it started?")
    Traceback (most recent call last):
    selx.errors.ProbeError: the queue does not answer; is it started?
    """

    def __init__(self, kind: str, message: str, advice: Optional[str] = None) -> None:
        from ._selx import _is_one_of

        _is_one_of("kind of failure", kind)
        super().__init__(message, advice)
        # With them pickle makes it again.
        self.args = (kind, message, advice)
        self.kind = kind


__all__ = ["ActionError", "ConfigError", "FileError", "ProbeError", "SelxError", "UsageError"]
