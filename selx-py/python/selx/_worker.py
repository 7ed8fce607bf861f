"""Threads in which code of an author runs, and what became of it."""

import asyncio
import contextlib
import dataclasses
import datetime
import enum
import inspect
import json
import os
import threading
import traceback
from typing import Any, Optional

from ._selx import _finish
from .errors import ProbeError

_ERRORS = (
    (ConnectionError, "unreachable"),
    (TimeoutError, "no-answer"),
    (asyncio.TimeoutError, "no-answer"),
    (PermissionError, "denied"),
    (FileNotFoundError, "missing"),
    (OSError, "local"),
)
"""What the system's exceptions are about."""

_OURS = os.path.dirname(__file__)


# A thread of Python's may be needed to bring an action to its end, and Python 3.12 starts none once it is ending: this is
# called before that.
with contextlib.suppress(AttributeError, RuntimeError):
    threading._register_atexit(_finish)  # type: ignore[attr-defined]


class Interrupted(BaseException):
    """Raised in code that nobody waits for any more. No ``except Exception`` catches it."""


def plain(value: Any) -> Any:
    """Makes of a value what JSON can say; what it cannot is raised as it is written."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        told = {str(key): plain(item) for key, item in value.items()}
        if len(told) != len(value):
            raise ValueError("two keys of a dict are one as text")
        return told
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise ValueError(f"a number of {value.bit_length()} bits: 64 are kept")
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


class Worker:
    """A thread that asks one thing of a check or of an action, and gives the answer to whoever waits."""

    def __init__(
        self, instance: Any, method: str, arguments: "list[str]", cx: Any, permit: Any, promise: Any
    ) -> None:
        self._ask = getattr(instance, method)
        self._arguments = [*arguments, *(given for given in (permit, cx) if given is not None)]
        self._cx = cx
        self._promise = promise
        # What changes something hears of a cancellation by its context, and ends by itself.
        self._lasting = permit is not None
        self._lock = threading.Lock()
        self._ident: Optional[int] = None
        self._in_loop = False
        self._ended = threading.Event()
        # A daemon: a process that ends does not wait for what nobody waits for.
        threading.Thread(target=self._run, name=f"selx {method}", daemon=True).start()

    def _run(self) -> None:
        # Somebody waits for an answer, whatever happens: what is not said below is this.
        text = json.dumps({"failed": {"kind": "bug", "message": "it came to nothing", "advice": None}})
        try:
            try:
                with self._lock:
                    self._ident = threading.get_ident()
                text = self._answer()
            finally:
                with self._lock:
                    self._ident = None
        except Interrupted:
            pass
        finally:
            self._ended.set()
            self._promise.give(text)

    def _answer(self) -> str:
        given = None
        try:
            given = self._ask(*self._arguments)
            if inspect.isawaitable(given):
                # From here on the loop looks whether somebody waits, as long as it gets its turn.
                self._in_loop = True
                given = asyncio.run(self._awaited(given))
            # Numbers that JSON does not know would be read by nobody.
            return json.dumps({"given": plain(given)}, allow_nan=False)
        except Interrupted:
            if inspect.iscoroutine(given):
                given.close()
            raise
        except BaseException as error:
            return json.dumps({"failed": _failed(error)})

    async def _awaited(self, given: Any) -> Any:
        task = asyncio.ensure_future(given)
        while True:
            done, _ = await asyncio.wait({task}, timeout=0.05)
            if done:
                return task.result()
            if self._cx is not None and self._cx.cancelled and not self._lasting:
                task.cancel()

    def interrupt(self) -> None:
        """Raises ``Interrupted`` in the code, if it has not ended: at its next step in Python, not while it waits outside."""
        if self._in_loop and self._ended.wait(1.0):
            return
        with self._lock:
            if self._ident is not None and not self._lasting:
                import ctypes

                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._ident), ctypes.py_object(Interrupted))


def _failed(error: BaseException) -> "dict[str, Optional[str]]":
    if isinstance(error, ProbeError):
        advice = None if error.advice is None else text_of(error.advice)
        return {"kind": error.kind, "message": text_of(error.message), "advice": advice}
    if isinstance(error, asyncio.CancelledError):
        return {"kind": "cancelled", "message": "the run was cancelled", "advice": None}
    for cls, kind in _ERRORS:
        if isinstance(error, cls):
            return {"kind": kind, "message": f"{type(error).__name__}: {text_of(error)}", "advice": None}
    return {"kind": "bug", "message": f"{type(error).__name__}: {text_of(error)}{place_of(error)}", "advice": None}


def text_of(value: Any) -> str:
    """Writes what an author says as a text that everybody reads."""
    try:
        # What the system could not decode is half of a character, and no text.
        return str(value).encode("utf-8", "backslashreplace").decode()
    except Exception:
        return "(its text cannot be made)"


def place_of(error: BaseException) -> str:
    # Where it was raised is what its author needs; our own frames are not it.
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if os.path.dirname(frame.filename) != _OURS]
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
