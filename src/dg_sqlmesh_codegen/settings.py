"""Layers of configuration -> one `Config`, and where each of its values came from.

The command line wins over `defs.yaml` in the output folder, which wins over the nearest
`pyproject.toml`; a key that nobody writes has its default.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_type_hints

from pydantic import TypeAdapter, ValidationError

from .config import KEYS, Config, RetryPolicy
from .config_files import Layer, defs_layer, pyproject_layer
from .errors import UsageError

_HINTS = get_type_hints(Config, include_extras=True)
_PATHS = {"projects", "out", "templates"}
_DEFAULT = "default"
_COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective value and the place that it came from."""

    key: str
    value: object
    where: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration in force, and key by key where it came from."""

    config: Config
    origins: tuple[Setting, ...]


def load(values: Mapping[str, object], names: Mapping[str, str] | None = None) -> Settings:
    """Put the configuration together; the pyproject.toml nearest to the working directory counts.

    Args:
        values: from the command line, by key.
        names: what a key is called there, where that is not the key itself.

    Raises:
        UsageError: an unknown key or a wrong value, naming file and key; or no project or no
            output folder anywhere.
    """
    command_line = Layer(_COMMAND_LINE, None, values, names or {})
    pyproject = pyproject_layer(Path.cwd())
    outer = _merged([layer for layer in (command_line, pyproject) if layer])
    if "out" not in outer:
        what = "no output folder" if "projects" in outer else "neither project nor output folder"
        raise UsageError(
            f"{what} was named",
            hint="Name it (PROJECT -o OUT), or write `projects` and `out` into the "
            "[tool.dg_sqlmesh_codegen] table of pyproject.toml.",
        )
    inner = defs_layer(Path(str(outer["out"].value)))
    layers = [layer for layer in (command_line, inner, pyproject) if layer]
    return _settings(_merged(layers), layers)


def _settings(values: Mapping[str, Setting], layers: Sequence[Layer]) -> Settings:
    arguments = {key: setting.value for key, setting in values.items()}
    where = values["translator"].where if "translator" in values else None
    root = next((layer.base for layer in layers if layer.where == where), None)
    config = Config(**{"projects": (), **arguments}, root=root)  # type: ignore[arg-type]
    origins = tuple(values.get(key) or Setting(key, getattr(config, key), _DEFAULT) for key in KEYS)
    return Settings(config, origins)


def _merged(layers: Sequence[Layer]) -> dict[str, Setting]:
    """Validate every layer, also what another one overrides; earlier layers win."""
    merged: dict[str, Setting] = {}
    for layer in layers:
        for key, value in layer.values.items():
            setting = Setting(key, _validated(key, value, layer), layer.where)
            merged.setdefault(key, setting)
    return merged


def _validated(key: str, value: object, layer: Layer) -> object:
    name = layer.names.get(key, key)
    if key not in KEYS:
        raise UsageError(f"{layer.where}: unknown key {name}", hint=_nearest(key, KEYS))
    try:
        validated = TypeAdapter(_HINTS[key]).validate_python(value)
    except ValidationError as error:
        raise _refused(f"{layer.where}: {name}", error, value) from error
    return _below(layer.base, validated) if key in _PATHS and layer.base else validated


def _refused(where: str, error: ValidationError, value: object) -> UsageError:
    """Say the first thing that is wrong, with the path to it below the key."""
    first = error.errors()[0]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    if first["type"] == "unexpected_keyword_argument":
        known = [field.name for field in fields(RetryPolicy)]
        return UsageError(f"{where}: unknown key {path[1:]}", hint=_nearest(path[1:], known))
    message = first["msg"].removeprefix("Value error, ")
    return UsageError(f"{where}{path} = {_short(first['input'])} is refused", detail=message)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004


def _nearest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0)
    return f"Did you mean {close[0]}?" if close else f"Known are: {', '.join(known)}."


def _below(base: Path, value: object) -> object:
    if isinstance(value, tuple):
        return tuple(_below(base, each) for each in value)
    return value if base == Path.cwd() else base / str(value)
