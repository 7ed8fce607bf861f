"""Where a secret is, as a type of a setting."""

from typing import Any


class SecretRef(str):
    """Where a secret is, as the type of a setting: ``env:NAME`` or ``file:/path``. ``cx.secret(…)`` gives its value.

    What was read so is taken out of every text that selx writes.
    """

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
        return dict(SCHEMA)


SCHEMA = {
    "type": "string",
    "pattern": "^(env:[^=]+|file:/.+)$",
    "description": "Where a secret is: `env:NAME` or `file:/absolute/path`. Never its value.",
    "x-secret": True,
}
