"""Types of the configuration's values: what a person may write, and what Dagster would refuse.

Each accepts the forms that are natural in TOML, in YAML and on a command line.
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, Strict
from pydantic_core import PydanticCustomError

from dg_sqlmesh_codegen import dagster_names
from dg_sqlmesh_codegen.errors import SettingError

from .key_template import ExternalAssetMapping

# Stands for every gateway whose catalog nothing else tells.
ANY_GATEWAY = "*"
# What the generated definitions.py calls other things.
TAKEN_NAMES = frozenset(
    {
        "EXTERNALS",
        "HERE",
        "Iterator",
        "MODELS",
        "Path",
        "SQLMeshResource",
        "SQLMeshResult",
        "SQLMeshRunConfig",
        "defs",
        "dg",
        "os",
        "sqlmesh_job",
        "sqlmesh_models",
    }
)
# Dagster's DISALLOWED_NAMES, beside Python's keywords; its built-in names are refused anyway.
_DAGSTER_NAMES = {"arg_dict", "conf", "config", "context", "input_arg_dict", "meta"} | {
    "output",
    "output_arg_dict",
}


def is_literal(value: object) -> bool:
    """Tell whether a generated module can hold the value as a literal.

    Texts, booleans, integers, finite floats and None are; so are lists, tuples and mappings from
    texts of them.
    """
    if isinstance(value, Mapping):
        return all(isinstance(key, str) for key in value) and all(map(is_literal, value.values()))
    if isinstance(value, list | tuple):
        return all(map(is_literal, value))
    if isinstance(value, float):
        return value - value == 0  # neither infinite nor NaN, which have no literal
    return value is None or isinstance(value, str | bool | int)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("an empty text is no value")
    return text


def _folder(value: object) -> object:
    # Path("") would be the working directory.
    if isinstance(value, str) and not value.strip():
        raise ValueError("an empty text names no folder")
    if isinstance(value, str) and any(ord(letter) < ord(" ") for letter in value):
        # What TOML and YAML make of "C:\temp".
        raise ValueError("a path holds no control characters; write / between folders")
    return value


def _group(text: str) -> str:
    if not dagster_names.is_group_name(text):
        raise ValueError(
            "Dagster takes letters, digits and _ in a group's name, and / between nested groups"
        )
    return text


def _owner(text: str) -> str:
    if dagster_names.owner(text) != text:
        raise ValueError("an owner is an e-mail address or team:name")
    return text


def _schedule(text: str) -> str:
    if not text.isidentifier() or not text.isascii():
        raise ValueError("a schedule's name is made of letters, digits and _, no digit first")
    if keyword.iskeyword(text) or text in _DAGSTER_NAMES:
        raise ValueError("Python or Dagster reserves that name")
    if text in TAKEN_NAMES or text.startswith("__") or hasattr(builtins, text):
        raise ValueError("the generated definitions.py has something else of that name")
    return text


def _class_path(text: str) -> str:
    module, colon, name = text.partition(":")
    if not colon or not name.isidentifier() or not all(map(str.isidentifier, module.split("."))):
        raise ValueError('write "package.module:Class"')
    return text


def _template(text: str) -> str:
    try:
        ExternalAssetMapping(text)
    except SettingError as error:
        raise ValueError(f"it is no template: {error.detail}") from error
    return text


def _tag(value: object) -> object:
    # Dagster writes what is no text as JSON (k8s and ECS settings are mappings).
    if not is_literal(value) or _holds_none(value):
        raise ValueError("a tag's value is a text, a number, true or false, or made of these")
    return value


def _holds_none(value: object) -> bool:
    inner: Sequence[object] = ()
    if isinstance(value, Mapping):
        inner = [*value.values()]
    elif isinstance(value, list | tuple):
        inner = value
    return value is None or any(map(_holds_none, inner))


def listed(value: object) -> object:
    """Return one text as a sequence of one, and anything else as it is."""
    return (value,) if isinstance(value, str) else value


def _pairs(value: object) -> object:
    if isinstance(value, list):  # pairs are how we keep them, not how one writes them
        raise PydanticCustomError("wanted", "a mapping")
    return tuple(value.items()) if isinstance(value, Mapping) else value


def _catalogs(value: object) -> object:
    """One catalog for every gateway that names none, or one for each by name."""
    if isinstance(value, str):
        return ((None, value),)
    if isinstance(value, Mapping):
        return tuple((_gateway(gateway), name) for gateway, name in value.items())
    return _pairs(value)


def _gateway(name: object) -> str | None:
    return None if name == ANY_GATEWAY else str(name).lower()


def _one_each(pairs: tuple[tuple[str | None, str], ...]) -> tuple[tuple[str | None, str], ...]:
    found: dict[str | None, str] = {}
    for gateway, name in pairs:
        if found.setdefault(gateway, name) != name:
            of = f"gateway {gateway}" if gateway else "every gateway that names none"
            raise ValueError(f"{of} has one default catalog, not {found[gateway]} and {name}")
    return tuple(found.items())


Text = Annotated[str, Strict(), AfterValidator(_not_blank)]
Folder = Annotated[Path, BeforeValidator(_folder)]
Flag = Annotated[bool, Strict()]
Count = Annotated[int, Strict(), Field(gt=0)]
Retries = Annotated[int, Strict(), Field(ge=0)]
Seconds = Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]
GroupName = Annotated[Text, AfterValidator(_group)]
Owner = Annotated[Text, AfterValidator(_owner)]
ScheduleName = Annotated[Text, AfterValidator(_schedule)]
ClassPath = Annotated[Text, AfterValidator(_class_path)]
KeyTemplate = Annotated[Text, AfterValidator(_template)]
Projects = Annotated[tuple[Folder, ...], BeforeValidator(listed)]
Catalogs = Annotated[
    tuple[tuple[Text | None, Text], ...], BeforeValidator(_catalogs), AfterValidator(_one_each)
]
Tag = Annotated[object, AfterValidator(_tag)]
Tags = Annotated[tuple[tuple[Text, Tag], ...], BeforeValidator(_pairs)]
Owners = Annotated[tuple[Owner, ...], BeforeValidator(listed)]
