"""Types of the configuration's values: what users may write, and what Dagster accepts.

Each type accepts the forms that are natural in TOML, in YAML and on a command line.
"""

from __future__ import annotations

import builtins
import keyword
import re
import zoneinfo
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, Strict

from dg_sqlmesh_codegen import dagster_names
from dg_sqlmesh_codegen.sqlmesh_project.records import ANY_GATEWAY

from .key_template import ExternalAssetMapping

T = TypeVar("T")
_DURATION = re.compile(r"(\d{1,6})([mhd])", re.ASCII)
_MINUTES = {"m": 1, "h": 60, "d": 24 * 60}
# Names that the generated definitions.py uses for other things.
TAKEN_NAMES = {
    *("CODE_URL", "CONTRACT", "ENVIRONMENT", "EXTERNALS", "HERE", "Iterator", "MODELS", "Path"),
    *("SQLMeshResource", "SQLMeshRestateConfig", "SQLMeshResult", "SQLMeshRunConfig"),
    *("asset_specs", "default_status", "defs", "dg", "os"),
}
# Dagster's DISALLOWED_NAMES without Python's keywords and builtins.
_DAGSTER_NAMES = {
    *("arg_dict", "conf", "config", "context", "input_arg_dict", "meta"),
    *("output", "output_arg_dict"),
}


def is_literal(value: object, with_none: bool = True) -> bool:
    """Tell whether a generated module can contain the value as a literal.

    It can for text, booleans, integers, finite floats and None, and for lists, tuples and
    mappings with text keys that hold only these. Without `with_none`, None is not accepted.
    """
    if isinstance(value, Mapping):
        keys = all(isinstance(key, str) for key in value)
        return keys and all(is_literal(each, with_none) for each in value.values())
    if isinstance(value, list | tuple):
        return all(is_literal(each, with_none) for each in value)
    if isinstance(value, float):
        return value - value == 0  # infinity and NaN have no literal
    return isinstance(value, str | bool | int) or (value is None and with_none)


def require(accepts: Callable[[T], object], message: str = "") -> AfterValidator:
    """Refuse the values that a function does not accept, with a message of what is right."""

    def check(value: T) -> T:
        if not accepts(value):
            raise ValueError(message)
        return value

    return AfterValidator(check)


def minutes(duration: str) -> int:
    """Return the minutes of `90m`, `36h` or `2d`; 0 for a text that is no duration."""
    match = _DURATION.fullmatch(duration)
    return int(match[1]) * _MINUTES[match[2]] if match else 0


def _folder(value: object) -> object:
    # Path("") would be the working directory.
    if isinstance(value, str) and not value.strip():
        raise ValueError("the path is empty; write . for the working directory")
    if isinstance(value, str) and any(ord(letter) < ord(" ") for letter in value):
        # TOML and YAML read the \t of "C:\temp" as a tab.
        raise ValueError("the path contains control characters; write / between folders")
    return value


def _is_not_reserved(name: str) -> bool:
    return not keyword.iskeyword(name) and name not in _DAGSTER_NAMES


def _is_free(name: str) -> bool:
    return not (name in TAKEN_NAMES or name.startswith("__") or hasattr(builtins, name))


def _as_sqlmesh_calls_it(environment: str) -> str:
    # SQLMesh's Environment.sanitize_name.
    name = re.sub(r"\W", "_", environment).lower()
    if name != environment:
        raise ValueError(f"SQLMesh calls this environment {name}; write that name")
    return environment


def _is_class_path(text: str) -> bool:
    module, _, name = text.partition(":")
    return name.isidentifier() and all(map(str.isidentifier, module.split(".")))


def _is_cron(text: str) -> bool:
    # Imported here because it takes a while, and most configurations have no cron.
    from dg_sqlmesh_codegen.schedules import crons  # noqa: PLC0415

    return bool(crons.plain_cron(text))  # or ValueError


def _only_ref(url: str) -> str:
    rest = url.replace("{ref}", "")
    if unknown := re.search(r"\{([^{}]*)\}", rest):
        raise ValueError(f"unknown variable {unknown[1] or '{}'}. The variable is {{ref}}.")
    if "{" in rest or "}" in rest:
        raise ValueError("a brace is missing. The variable is {ref}.")
    return url


def _by_gateway(value: object) -> object:
    """Return catalogs by gateway, in lower case as in SQLMesh; the command line gives a tuple."""
    if isinstance(value, str):
        return {ANY_GATEWAY: value}
    if isinstance(value, tuple):
        typed = (text.rpartition("=") for text in value)
        pairs = [(gateway if equals else ANY_GATEWAY, name) for gateway, equals, name in typed]
    elif isinstance(value, Mapping):
        pairs = [*value.items()]
    else:
        return value
    catalogs: dict[str, object] = {}
    for gateway, name in pairs:
        first = catalogs.setdefault(str(gateway).lower(), name)
        if first != name:
            raise ValueError(f"gateway {str(gateway).lower()} has two catalogs: {first} and {name}")
    return catalogs


def _is_name(text: str) -> bool:
    return text.isidentifier() and text.isascii()


def _named(what: str) -> tuple[AfterValidator, ...]:
    """Return what makes a text the name of a definition; `what` is how an error starts."""
    return (
        require(
            _is_name,
            f"{what} has only ASCII letters, digits and _, and does not start with a digit",
        ),
        require(_is_not_reserved, "Python or Dagster reserves this name"),
        require(_is_free, "the generated definitions.py uses this name for something else"),
    )


Text = Annotated[str, Strict(), require(str.strip, "the text is empty")]
Environment = Annotated[Text, AfterValidator(_as_sqlmesh_calls_it)]
Folder = Annotated[Path, BeforeValidator(_folder)]
Count = Annotated[int, Strict(), Field(gt=0)]
Retries = Annotated[int, Strict(), Field(ge=0)]
Seconds = Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]
GroupName = Annotated[
    Text,
    require(
        dagster_names.is_group_name,
        "Dagster accepts letters, digits and _ in a group name, and / between nested groups",
    ),
]
Owner = Annotated[
    Text,
    require(
        lambda text: dagster_names.owner(text) == text,
        "Dagster accepts an email address or team:name as an owner",
    ),
]
ScheduleName = Annotated[Text, *_named("a schedule name")]
PackageName = Annotated[Text, *_named("the name")]
JobName = Annotated[Text, *_named("a job's name")]
PoolName = Annotated[
    Text,
    require(
        # The name is also the value of a tag.
        lambda text: dagster_names.is_tag("dagster/concurrency_key", text),
        "a pool name has only letters, digits, dots, _ and -, at most 63",
    ),
]
Cron = Annotated[Text, require(_is_cron)]
TimeZone = Annotated[
    Text,
    require(
        lambda text: text in zoneinfo.available_timezones(),
        "there is no time zone of this name; UTC and Europe/Berlin are two",
    ),
]
ClassPath = Annotated[Text, require(_is_class_path, "it must be package.module:Class")]
Duration = Annotated[
    Text, require(minutes, "it must be a number of minutes, hours or days: 90m, 36h or 2d")
]
CodeUrl = Annotated[
    Text,
    require(re.compile(r"https?://[^\s/]\S*").fullmatch, "it must start with https://"),
    AfterValidator(_only_ref),
]
KeyTemplate = Annotated[Text, require(ExternalAssetMapping)]
DefaultCatalogs = Annotated[
    dict[Text, Text], BeforeValidator(_by_gateway, json_schema_input_type=str | dict[str, str])
]
# Dagster writes a value that is not text as JSON: Kubernetes and ECS settings are mappings.
_Tag = Annotated[
    object,
    require(
        partial(is_literal, with_none=False),
        "a tag value is text, a number, true or false, or a list or mapping of these",
    ),
]
Tags = Annotated[dict[Text, _Tag], Strict()]
JobTags = Annotated[
    Tags,
    require(
        lambda tags: "dagster/concurrency_key" not in tags,
        "dagster/concurrency_key is what `pool` sets",
    ),
]
# A single text stands for a list of one.
Listed = BeforeValidator(
    lambda value: (value,) if isinstance(value, str) else value,
    json_schema_input_type=str | list[str],
)
