"""What the methods of a translator may return: what a module can hold and Dagster accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, StrictStr, TypeAdapter

from dg_sqlmesh_codegen import dagster_names
from dg_sqlmesh_codegen.config.types import is_literal, require

from . import property_tags

# By method, for its error: what to return instead.
_KEY = "a text, or a sequence of texts, of letters, digits, dots, - and _"
WANTED = {
    "get_asset_key": _KEY,
    "get_external_asset_key": _KEY,
    "get_group_name": "a text of letters, digits and _; a slash may part it",
    "get_tags": "a mapping of texts to texts, both of at most 63 letters, digits, dots, - and _; a "
    "slash may part the key",
    "get_metadata": "a mapping of texts to literals: texts, numbers, lists, mappings, None. Keys "
    "of Dagster's own need the types that Dagster gives them; the generator itself writes columns, "
    "lineage and code references",
    "get_owners": "a sequence of e-mail addresses and team:names",
    "get_kinds": "at most 10 texts, each of at most 63 letters, digits, dots, - and _",
    "get_description": "a text, or None",
    "get_automation_condition": "eager, on_missing or None",
}
# Dagster's own metadata; None where the generator writes it.
_DAGSTER_TYPES: Mapping[str, type | None] = {
    "dagster/code_references": None,
    "dagster/column_lineage": None,
    "dagster/column_schema": None,
    "dagster/partition_row_count": int,
    "dagster/relation_identifier": str,
    "dagster/row_count": int,
    "dagster/storage_kind": str,
    "dagster/table_name": str,
    "dagster/uri": str,
}


def _parts(key: object) -> object:
    # A `dg.AssetKey` has a `path`; the generator does not import Dagster.
    path = getattr(key, "path", key)
    return (path,) if isinstance(path, str) else path


def _is_metadata(found: Mapping[str, object]) -> bool:
    types = ((value, _DAGSTER_TYPES.get(key, object)) for key, value in found.items())
    return "" not in found and all(kind and isinstance(value, kind) for value, kind in types)


def _are_tags(tags: Mapping[str, str]) -> bool:
    return all(dagster_names.is_tag(*tag) for tag in tags.items())


_Part = Annotated[StrictStr, require(dagster_names.is_key_part)]
_Key = Annotated[tuple[_Part, ...], require(bool), BeforeValidator(_parts)]
_Literal = Annotated[object, require(is_literal)]
_Owner = Annotated[StrictStr, require(lambda text: dagster_names.owner(text) == text)]
_Kind = Annotated[StrictStr, require(lambda text: dagster_names.kind(text) == text)]

KEY: TypeAdapter[tuple[str, ...]] = TypeAdapter(_Key)
GROUP: TypeAdapter[str] = TypeAdapter(Annotated[StrictStr, require(dagster_names.is_group_name)])
TAGS: TypeAdapter[dict[str, str]] = TypeAdapter(
    Annotated[dict[StrictStr, StrictStr], require(_are_tags)]
)
METADATA: TypeAdapter[dict[str, object]] = TypeAdapter(
    Annotated[dict[StrictStr, _Literal], require(_is_metadata)]
)
OWNERS: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[_Owner, ...])
KINDS: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[_Kind, ...])
DESCRIPTION: TypeAdapter[str | None] = TypeAdapter(StrictStr | None)
_Automation = Annotated[StrictStr, require(property_tags.AUTOMATION.__contains__)]
AUTOMATION: TypeAdapter[str | None] = TypeAdapter(_Automation | None)
