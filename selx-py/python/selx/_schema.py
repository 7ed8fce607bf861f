"""JSON schemas as models give them: walked beside the settings that they describe, and written as every kind has them."""

from typing import Any


class WrongSetting(Exception):
    """A setting is wrong: its path by keys, and what is wrong with it."""

    def __init__(self, path: "list[str]", message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


def unknown(key: str, known: "list[str]") -> str:
    if not known:
        return f"unknown field `{key}`, there are no fields"
    return f"unknown field `{key}`, expected one of {', '.join(f'`{name}`' for name in known)}"


def inline(schema: Any, definitions: Any, depth: int) -> Any:
    """Puts definitions in the place of references to them: the schema is one part of that of a whole configuration."""
    if isinstance(schema, list):
        return [inline(part, definitions, depth) for part in schema]
    if not isinstance(schema, dict):
        return schema
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name in definitions and depth < 16:
        others = {key: value for key, value in schema.items() if key != "$ref"}
        return {**inline(definitions[name], definitions, depth + 1), **others}
    return {key: inline(value, definitions, depth) for key, value in schema.items() if key != "$defs"}


def kebab(schema: Any) -> Any:
    """Writes the keys of objects as a file has them, and refuses others, as every kind does."""
    if isinstance(schema, list):
        return [kebab(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    told = {key: kebab(value) for key, value in schema.items() if key != "properties"}
    if "properties" in schema:
        told["properties"] = {key.replace("_", "-"): kebab(value) for key, value in schema["properties"].items()}
        told["required"] = [key.replace("_", "-") for key in schema.get("required", ())]
        told.setdefault("additionalProperties", False)
    return told


def _branches(schema: Any) -> "list[Any]":
    parts = [part for join in ("allOf", "anyOf", "oneOf") for part in schema.get(join, ())]
    return [schema, *(inner for part in parts for inner in _branches(part))]


def known(schema: Any, given: Any, path: "list[str]") -> None:
    """Raises the first key that a model does not have: models leave such keys out in silence."""
    if not isinstance(given, dict):
        return
    properties = {key: value for part in _branches(schema) for key, value in part.get("properties", {}).items()}
    closed = properties and not any(part.get("additionalProperties") for part in _branches(schema))
    for key, value in given.items():
        if key in properties:
            known(properties[key], value, [*path, key])
        elif closed:
            raise WrongSetting([*path, key], unknown(key, list(properties)))


def snake(schema: Any, given: Any) -> Any:
    """Writes the keys of objects as a model has them."""
    if isinstance(given, list):
        items: "dict[str, Any]" = next((part["items"] for part in _branches(schema) if isinstance(part.get("items"), dict)), {})
        return [snake(items, item) for item in given]
    if not isinstance(given, dict):
        return given
    properties = {key: value for part in _branches(schema) for key, value in part.get("properties", {}).items()}
    names = {key.replace("_", "-"): key for key in properties}
    inner = [part.get("additionalProperties") for part in _branches(schema)]
    others: "dict[str, Any]" = next((part for part in inner if isinstance(part, dict)), {})
    return {names.get(key, key): snake(properties.get(names.get(key, ""), others), value) for key, value in given.items()}


def secrets(schema: Any, given: Any, path: "list[str]", found: "list[tuple[list[str], str]]") -> None:
    for part in _branches(schema):
        if part.get("x-secret") and isinstance(given, str):
            found.append((path, given))
        if isinstance(given, dict):
            for key, value in given.items():
                inner = part.get("properties", {}).get(key, part.get("additionalProperties"))
                if isinstance(inner, dict):
                    secrets(inner, value, [*path, key], found)
        if isinstance(given, list) and isinstance(part.get("items"), dict):
            for index, item in enumerate(given):
                secrets(part["items"], item, [*path, str(index)], found)
