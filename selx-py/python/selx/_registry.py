"""Every kind that a program knows, and all that can be done with them."""

from __future__ import annotations

import os

from . import _calls, _selx
from ._calls import Action, Check
from .errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Optional, TypeVar, Union

    from ._actions import ActionReport, Plan, Unfinished
    from ._calls import _Limits, _Span
    from ._selx import Kind, Report, Result

    _Path = Union[str, os.PathLike[str]]
    _T = TypeVar("_T", bound=type)


class Registry:
    """Every kind of selx, and those that are registered with it. Two registries do not meet.

    What ``selx.check``, ``selx.run`` and the others do, its methods of the same name do with its own kinds as well.

    >>> registry = selx.Registry()
    >>> registry.check("host-disk", paths=["/"]).name
    'python'
    """

    __slots__ = ("_fixed", "_native")

    def __init__(self) -> None:
        self._native = _selx._Registry()
        self._fixed = False

    def __repr__(self) -> str:
        return f"<selx.Registry of {len(self.kinds())} kinds>"

    def register(self, cls: _T) -> _T:
        """Adds a kind of one's own: a subclass of ``selx.CheckKind`` or ``selx.ActionKind``. It can stand before the class.

        Raises ``UsageError`` if the name is taken, or the class lacks what a kind needs.
        """
        from . import _bridge

        if self._fixed:
            raise UsageError("kinds of one's own stand in a registry of one's own: `registry = selx.Registry()`")
        sort, adapter = _bridge.adapter(cls)
        if sort == "check":
            self._native.add_check(adapter)
        else:
            self._native.add_action(adapter)
        return cls

    def kinds(self) -> list[Kind]:
        """Returns every kind of check and of action, in the order of their names.

        >>> [kind.id for kind in selx.kinds() if kind.area == "http"]
        ['http']
        """
        return self._native.kinds()

    def explain(self, kind: str) -> str:
        """Returns the page of a kind as Markdown: what it tells, its settings, measures, limits and codes.

        Raises ``UsageError`` for an unknown kind.

        >>> print(selx.explain("host-disk").splitlines()[0])
        # host-disk
        """
        return self._native.explain(kind)

    def schema(self) -> dict[str, Any]:
        """Returns the JSON Schema of a configuration file with these kinds."""
        import json

        schema: dict[str, Any] = json.loads(self._native.schema())
        return schema

    def validate(self, config: Optional[_Path] = None) -> list[str]:
        """Reads a configuration as a run would, runs nothing, and returns the names of its checks and actions.

        Raises ``ConfigError`` with everything that is wrong with it, or if there is none.
        """
        checks, actions = self._native.validate(config)
        return checks + actions

    def check(
        self,
        kind: str,
        name: str = "python",
        /,
        *,
        timeout: Optional[_Span] = None,
        limits: Optional[_Limits] = None,
        **settings: Any,
    ) -> Result:
        """Runs one check of a kind.

        ``timeout`` is in seconds, or a text such as ``"5s"``, or a ``timedelta``. ``limits`` is what stands under ``limits``
        in a file. The other keywords are the kind's settings (``selx.explain(kind)``), with ``_`` for ``-``; ``None`` leaves
        a setting at its default. A setting whose name is taken here, or is a word of Python, gets a ``_`` at its end:
        ``timeout_=``. In a value that is a dict, keys are written as in a file.

        Raises ``UsageError`` for an unknown kind and ``ConfigError`` for a wrong setting; what the check finds, a hang
        included, is in the result.

        >>> selx.check("host-disk", paths=["/"], limits={"used": {"critical": "100%"}}).kind
        'host-disk'
        """
        return self._native.check((kind, name, timeout, limits, settings))

    async def check_async(
        self,
        kind: str,
        name: str = "python",
        /,
        *,
        timeout: Optional[_Span] = None,
        limits: Optional[_Limits] = None,
        **settings: Any,
    ) -> Result:
        """Runs one check like ``check``, while the event loop goes on. Where the task is cancelled, so is the check."""
        return await self._native.check_async((kind, name, timeout, limits, settings))

    def check_many(self, checks: Iterable[Check], *, concurrency: int = 64) -> list[Result]:
        """Runs checks side by side, ``concurrency`` of them at a time, and returns their results in their order.

        It raises what ``check`` raises, once for all checks, before any of them is run. Without names they are called
        ``python-0`` and so on.

        >>> checks = [selx.Check("host-disk", paths=["/"]), selx.Check("host-memory")]
        >>> [result.kind for result in selx.check_many(checks)]
        ['host-disk', 'host-memory']
        """
        specs = _calls.specs(checks)
        return self._native.check_many(specs, _calls.at_once(concurrency)) if specs else []

    async def check_many_async(self, checks: Iterable[Check], *, concurrency: int = 64) -> list[Result]:
        """Runs checks like ``check_many``, while the event loop goes on."""
        specs = _calls.specs(checks)
        return await self._native.check_many_async(specs, _calls.at_once(concurrency)) if specs else []

    def run(
        self,
        *names: str,
        config: Optional[_Path] = None,
        record: Optional[_Path] = None,
        history: bool = True,
        state: Optional[_Path] = None,
    ) -> Report:
        """Runs checks by routine, kind, name or ``kind.name``; ``daily`` without names.

        The configuration is ``config``, or the file that ``selx`` itself would find; without any, what the kinds
        discover on this host is run. ``record`` is a file that keeps what was seen, for ``replay``.

        What was seen is compared with the run before, in the history of ``selx run``: that of the file, unless ``state`` is
        another folder. A script that looks beside cron's runs keeps one of its own, or none, with ``history=False``; then
        rates and lasting breaches are not known.

        Raises ``UsageError`` for a name that selects nothing, ``ConfigError`` for a wrong file, and ``FileError``, before
        anything is run, if ``record`` cannot be written.
        """
        return self._native.run(list(names), config, record, history, state)

    async def run_async(
        self,
        *names: str,
        config: Optional[_Path] = None,
        record: Optional[_Path] = None,
        history: bool = True,
        state: Optional[_Path] = None,
    ) -> Report:
        """Runs checks like ``run``, while the event loop goes on."""
        return await self._native.run_async(list(names), config, record, history, state)

    def replay(self, recording: _Path, *, config: Optional[_Path] = None) -> Report:
        """Judges again what a run has recorded: by these kinds, at the time of then, with the limits of ``config``.

        Raises ``FileError`` if the file is no recording or cannot be read, and ``ConfigError`` for a wrong ``config``.
        """
        return self._native.replay(recording, config)

    def plan(
        self,
        action: Union[str, Action],
        name: Optional[str] = None,
        /,
        *,
        timeout: Optional[_Span] = None,
        permit: Optional[Mapping[str, Any]] = None,
        config: Optional[_Path] = None,
        state: Optional[_Path] = None,
        **settings: Any,
    ) -> Plan:
        """Looks what an action would do, and does none of it.

        ``action`` is the name of one that the configuration describes, or a ``selx.Action``. With a name or settings it is a
        kind, and they are those of ``selx.Action``: ``plan("logs-clean", path="/var/log/shop", older_than="30d")``. ``state``
        is the folder of locks, journals and the stop file, which is that of ``selx act`` unless it is named: the file's, else
        ``/var/lib/selx`` for root.

        Raises ``UsageError`` for an unknown name, ``ConfigError`` for a wrong setting or file, ``ActionError`` if it cannot
        be planned.
        """
        from ._actions import Plan

        return Plan(self._native.plan(_described(action, name, timeout, permit, settings), config, state))

    async def plan_async(
        self,
        action: Union[str, Action],
        name: Optional[str] = None,
        /,
        *,
        timeout: Optional[_Span] = None,
        permit: Optional[Mapping[str, Any]] = None,
        config: Optional[_Path] = None,
        state: Optional[_Path] = None,
        **settings: Any,
    ) -> Plan:
        """Looks what an action would do, like ``plan``, while the event loop goes on."""
        from ._actions import Plan

        return Plan(await self._native.plan_async(_described(action, name, timeout, permit, settings), config, state))

    def load_plan(
        self,
        path: _Path,
        *,
        action: Union[str, Action, None] = None,
        config: Optional[_Path] = None,
        state: Optional[_Path] = None,
    ) -> Plan:
        """Reads a plan that ``Plan.save`` or ``selx act --save`` wrote, to apply it. Without ``action`` it is the one of that
        name in the configuration.

        Raises ``ActionError`` if it is no plan, or one that others may have written.
        """
        from ._actions import Plan

        described = None if action is None else _described(action, None, None, None, {})
        return Plan(self._native.load_plan(path, described, config, state))

    def unfinished(self, *, config: Optional[_Path] = None, state: Optional[_Path] = None) -> list[Unfinished]:
        """Returns the runs of actions that did not come to their end, the oldest first."""
        import json

        from ._actions import Unfinished

        return [Unfinished._of(run) for run in json.loads(self._native.unfinished(config, state))]

    def recover(
        self, run: str, *, as_it_is: bool = False, config: Optional[_Path] = None, state: Optional[_Path] = None
    ) -> ActionReport:
        """Brings a run of an action to its end that was killed, one of those that ``unfinished`` shows: it asks the world how far
        it came, and finishes it or takes it back. ``as_it_is`` closes one that a person has looked at.

        Raises ``UsageError`` if no such run is open.
        """
        from ._actions import ActionReport, _to_the_end

        _to_the_end()
        return ActionReport._of(self._native.recover(run, as_it_is, config, state))

    async def recover_async(
        self, run: str, *, as_it_is: bool = False, config: Optional[_Path] = None, state: Optional[_Path] = None
    ) -> ActionReport:
        """Does what ``recover`` does, while the event loop goes on."""
        from ._actions import ActionReport, _to_the_end

        _to_the_end()
        return ActionReport._of(await self._native.recover_async(run, as_it_is, config, state))

    def stop(self, reason: str = "", *, config: Optional[_Path] = None, state: Optional[_Path] = None) -> bool:
        """Stops all actions of this machine: none begins, and none begins a further step. Tells whether they were not stopped
        before.

        Raises ``ConfigError`` if the configuration, which names their folder, does not read; with ``state`` it is not needed.
        """
        import getpass

        try:
            by = getpass.getuser()
        except (ImportError, KeyError, OSError):
            by = f"user {os.getuid()}"
        return self._native.stop(by, reason, config, state)

    def start(self, *, config: Optional[_Path] = None, state: Optional[_Path] = None) -> bool:
        """Allows actions again. Tells whether they were stopped. Raises what ``stop`` raises."""
        return self._native.start(config, state)


def _described(
    action: Union[str, Action],
    name: Optional[str],
    timeout: Optional[_Span],
    permit: Optional[Mapping[str, Any]],
    settings: dict[str, Any],
) -> Any:
    if isinstance(action, str):
        if name is None and timeout is None and permit is None and not settings:
            return action
        action = Action(action, "python" if name is None else name, timeout=timeout, permit=permit, **settings)
    elif not isinstance(action, Action):
        raise TypeError(f"`action` is a {type(action).__name__}; wanted is a name or a selx.Action")
    elif settings or (name, timeout, permit) != (None, None, None):
        raise UsageError("an action that is described has its name and settings; give them to `selx.Action`")
    return action._spec()
