"""The attributes of the component, with the configuration's keys as their JSON schema."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, TypeAdapter

from dg_sqlmesh_codegen.config.defs_yaml import ALIASES, ATTRIBUTES
from dg_sqlmesh_codegen.config.model import Config

_TEMPLATE = {"type": "string", "pattern": r"\{[{%#]"}


class Attributes(BaseModel, extra="allow"):
    """Attributes as they are written; the component renders and validates them.

    The schema has no unknown attributes. The model takes them: the component names the nearest one.
    """

    @classmethod
    def model_json_schema(cls, *args: object, **options: object) -> dict[str, Any]:
        """Return the schema that `dg check yaml` and editors use."""
        config = TypeAdapter(Config).json_schema()
        keys = _or_template(config["properties"])
        attributes = {name: keys[name] for name in ATTRIBUTES}
        nested: dict[str, object] = {}
        for name, key in ALIASES.items():
            outer, dot, inner = name.partition(".")
            (nested if dot else attributes)[inner or outer] = keys[key]
        attributes["sqlmesh_config"] = _object(nested)
        return {**_object(attributes), "$defs": _or_template(config["$defs"])}


def _object(properties: dict[str, object]) -> dict[str, object]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _or_template(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """Accept a template in place of every value: Dagster renders it after `dg check yaml`."""
    if isinstance(schema, list):
        return [_or_template(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _or_template(each) for key, each in schema.items()}
    if "type" not in schema:
        return inner
    shown = {key: inner.pop(key) for key in ("description", "examples") if key in inner}
    return {**shown, "anyOf": [inner, _TEMPLATE]}
