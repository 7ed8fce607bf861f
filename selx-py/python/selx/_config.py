"""Settings of kinds that are written in Python: from dataclasses and models of pydantic to a schema, and from JSON to them.

Keys are kebab-case in a configuration file and snake_case in Python. Messages are those of the settings of every kind, so that
they get the same words and the same nearest right word.
"""

import collections.abc
import dataclasses
import datetime
import enum
import os
import pathlib
import sys
import typing
from typing import Any, Optional, Union

from . import _secret
from ._schema import WrongSetting, inline, kebab, known, secrets, snake, unknown
from ._selx import _seconds
from .errors import UsageError

_UNIONS = (Union, type(int | str)) if sys.version_info >= (3, 10) else (Union,)
_MISSING = dataclasses.MISSING


Key = collections.abc.Callable[[str], str]
"""How the name of a field stands in JSON."""


def _kebab_case(name: str) -> str:
    return name.replace("_", "-")


class Shape:
    """The settings of a class."""

    @staticmethod
    def of(cls: Optional[type]) -> "Shape":
        if cls is None:
            return _Nothing()
        if dataclasses.is_dataclass(cls):
            return _Dataclass(cls)
        if hasattr(cls, "model_json_schema"):
            return _Pydantic(cls)
        raise UsageError(f"`{cls.__name__}` is neither a dataclass nor a model of pydantic")

    @staticmethod
    def of_facts(cls: type) -> "Shape":
        """The shape of facts, which are written by the names of their fields."""
        if dataclasses.is_dataclass(cls):
            return _Dataclass(cls, str)
        if hasattr(cls, "model_validate"):
            return _ModelOfFacts(cls)
        return Shape.of(cls)

    def schema(self) -> "dict[str, Any]":
        raise NotImplementedError

    def read(self, given: Any) -> Any:
        raise NotImplementedError

    def secrets(self, given: Any) -> "list[tuple[list[str], str]]":
        """Returns every reference to a secret in settings, with its path."""
        found: "list[tuple[list[str], str]]" = []
        secrets(self.schema(), given, [], found)
        return found


class _Nothing(Shape):
    def schema(self) -> "dict[str, Any]":
        return {"type": "object", "properties": {}, "additionalProperties": False}

    def read(self, given: Any) -> Any:
        for key in given or {}:
            raise WrongSetting([key], f"unknown field `{key}`, there are no fields")
        return None


class _Dataclass(Shape):
    def __init__(self, cls: Any, key: Key = _kebab_case) -> None:
        self.cls = cls
        self.key = key
        try:
            self._schema = _of_dataclass(cls)
        except NameError as error:
            raise UsageError(f"a type of `{cls.__name__}` is not known: {error}") from error

    def schema(self) -> "dict[str, Any]":
        return self._schema

    def read(self, given: Any) -> Any:
        return _read_dataclass(self.cls, given, [], self.key)


class _ModelOfFacts(Shape):
    def __init__(self, cls: Any) -> None:
        self.cls = cls

    def read(self, given: Any) -> Any:
        try:
            return self.cls.model_validate(given)
        except ValueError as error:
            raise WrongSetting([], f"the facts are not those of `{self.cls.__name__}`") from error


class _Pydantic(Shape):
    def __init__(self, cls: Any) -> None:
        self.cls = cls
        raw = cls.model_json_schema()
        self._raw = inline(raw, raw.get("$defs", {}), 0)
        self._schema: "dict[str, Any]" = kebab(self._raw)

    def schema(self) -> "dict[str, Any]":
        return self._schema

    def read(self, given: Any) -> Any:
        from pydantic import ValidationError

        known(self._schema, given, [])
        try:
            return self.cls.model_validate(snake(self._raw, given))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            path = [str(step).replace("_", "-") for step in first["loc"]]
            if first["type"] == "missing":
                raise WrongSetting(path[:-1], f"missing field `{path[-1]}`") from None
            raise WrongSetting(path, first["msg"][:1].lower() + first["msg"][1:]) from None


def _fields(cls: Any, key: Key = _kebab_case) -> "dict[str, tuple[dataclasses.Field[Any], Any]]":
    """Returns the fields that are set from outside, by their keys, with their types."""
    types = typing.get_type_hints(cls, include_extras=True)
    return {key(field.name): (field, types[field.name]) for field in dataclasses.fields(cls) if field.init}


def _bare(kind: Any) -> "tuple[Any, Optional[str]]":
    """Takes a description off a type: the first text of its `Annotated`."""
    if typing.get_origin(kind) is typing.Annotated:
        kind, *extras = typing.get_args(kind)
        return kind, next((extra for extra in extras if isinstance(extra, str)), None)
    return kind, None


def _of_dataclass(cls: Any) -> "dict[str, Any]":
    properties, required = {}, []
    for key, (field, kind) in _fields(cls).items():
        bare, said = _bare(kind)
        told = _schema(bare)
        said = field.metadata.get("description", said)
        if said:
            told["description"] = said
        if field.default is not _MISSING:
            default = _plain(field.default)
            if default is not None:
                told["default"] = default
        elif field.default_factory is _MISSING:
            required.append(key)
        properties[key] = told
    schema: "dict[str, Any]" = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _plain(default: Any) -> Any:
    if isinstance(default, enum.Enum):
        default = default.value
    if isinstance(default, datetime.timedelta):
        return f"{default.total_seconds():g}s"
    if isinstance(default, os.PathLike):
        return os.fspath(default)
    return default if isinstance(default, (bool, int, float, str, list, dict)) else None


_SIMPLE: "dict[Any, dict[str, Any]]" = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    datetime.timedelta: {"type": "string", "format": "duration"},
    _secret.SecretRef: _secret.SCHEMA,
    Any: {},
    object: {},
}


def _schema(kind: Any) -> "dict[str, Any]":
    kind, _ = _bare(kind)
    if kind in _SIMPLE:
        return dict(_SIMPLE[kind])
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in _UNIONS:
        parts = [_schema(part) for part in arguments if part is not type(None)]
        return parts[0] if len(parts) == 1 else {"anyOf": parts}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if (origin or kind) is tuple and (len(arguments) != 2 or arguments[1] is not ...):
        raise UsageError(f"a setting cannot have the type `{kind}`: of tuples, `tuple[int, ...]` and its like are read")
    if _is_sequence(origin or kind):
        return {"type": "array", "items": _schema(arguments[0]) if arguments else {}}
    if _is_mapping(origin or kind):
        return {"type": "object", "additionalProperties": _schema(arguments[1]) if arguments else True}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {"enum": [member.value for member in kind]}
    if isinstance(kind, type) and issubclass(kind, pathlib.PurePath):
        return {"type": "string"}
    if dataclasses.is_dataclass(kind):
        return _of_dataclass(kind)
    raise UsageError(f"a setting cannot have the type `{kind}`")


def _is_sequence(kind: Any) -> bool:
    return kind in (list, tuple, set, frozenset, collections.abc.Sequence, collections.abc.Iterable)


def _is_mapping(kind: Any) -> bool:
    return kind in (dict, collections.abc.Mapping)


def _read_dataclass(cls: Any, given: Any, path: "list[str]", key_of: Key) -> Any:
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise WrongSetting(path, f"invalid type: {_type(given)}, expected a map")
    fields = _fields(cls, key_of)
    for key in given:
        if key not in fields:
            raise WrongSetting([*path, key], unknown(key, list(fields)))
    # What is wrong is told before what is missing: behind that, no more is looked for.
    values = {
        field.name: _read(kind, given[key], [*path, key], key_of)
        for key, (field, kind) in fields.items()
        if key in given
    }
    for key, (field, _) in fields.items():
        if key not in given and field.default is _MISSING and field.default_factory is _MISSING:
            raise WrongSetting(path, f"missing field `{key}`")
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        # What `__post_init__` has to say about several of them.
        raise WrongSetting(path, str(error)) from error


def _type(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "floating point", str: "string", list: "sequence", dict: "map"}
    return names.get(type(value), "something")


def _read(kind: Any, given: Any, path: "list[str]", key_of: Key) -> Any:
    kind, _ = _bare(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in (Any, object):
        return given
    if kind is bool or kind is str or kind is int or kind is _secret.SecretRef:
        wanted = str if kind is _secret.SecretRef else kind
        # `bool` is an `int` in Python, and not in a configuration.
        if type(given) is not wanted:
            expected = {bool: "a boolean", str: "a string", int: "i64"}[wanted]
            raise WrongSetting(path, f"invalid type: {_type(given)}, expected {expected}")
        return kind(given)
    if kind is float:
        if isinstance(given, bool) or not isinstance(given, (int, float)):
            raise WrongSetting(path, f"invalid type: {_type(given)}, expected f64")
        return float(given)
    if kind is datetime.timedelta:
        # Facts have seconds; in a file a time has its unit.
        if key_of is str and isinstance(given, (int, float)):
            return datetime.timedelta(seconds=given)
        return _span(given, path)
    if origin in _UNIONS:
        if given is None and type(None) in arguments:
            return None
        return _read_union([part for part in arguments if part is not type(None)], given, path, key_of)
    if origin is typing.Literal:
        if given not in arguments:
            raise WrongSetting(path, _variant(given, list(arguments)))
        return given
    if _is_sequence(origin or kind):
        if not isinstance(given, list):
            raise WrongSetting(path, f"invalid type: {_type(given)}, expected a sequence")
        inner = arguments[0] if arguments else Any
        items = [_read(inner, item, [*path, str(index)], key_of) for index, item in enumerate(given)]
        made = origin or kind
        return made(items) if made in (tuple, set, frozenset) else items
    if _is_mapping(origin or kind):
        if not isinstance(given, dict):
            raise WrongSetting(path, f"invalid type: {_type(given)}, expected a map")
        inner = arguments[1] if arguments else Any
        return {key: _read(inner, item, [*path, key], key_of) for key, item in given.items()}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        try:
            return kind(given)
        except ValueError:
            raise WrongSetting(path, _variant(given, [member.value for member in kind])) from None
    if isinstance(kind, type) and issubclass(kind, pathlib.PurePath):
        return kind(_read(str, given, path, key_of))
    return _read_dataclass(kind, given, path, key_of)


def _read_union(parts: "list[Any]", given: Any, path: "list[str]", key_of: Key) -> Any:
    first: Optional[WrongSetting] = None
    for part in parts:
        try:
            return _read(part, given, path, key_of)
        except WrongSetting as wrong:
            first = first or wrong
    raise first or WrongSetting(path, "there is no type that it could have")


def _variant(given: Any, known: "list[Any]") -> str:
    return f"unknown variant `{given}`, expected one of {', '.join(f'`{value}`' for value in known)}"


def _span(given: Any, path: "list[str]") -> datetime.timedelta:
    if not isinstance(given, str):
        raise WrongSetting(path, f"invalid type: {_type(given)}, expected a time, such as `90s` or `1h30m`")
    try:
        return datetime.timedelta(seconds=_seconds(given))
    except ValueError as wrong:
        raise WrongSetting(path, str(wrong)) from None
