"""Layers of configuration -> one `Config`, and where each of its values came from.

The command line wins over `defs.yaml` in the output folder, which wins over the nearest
`pyproject.toml`; a key that nobody writes has its default.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from dg_sqlmesh_codegen.errors import SettingError, UsageError

from .model import KEYS, METADATA_KEYS, WANTED, Config, RetryPolicy
from .sources import Layer, defs_layer, pyproject_layer

_HINTS = get_type_hints(Config, include_extras=True)
_PATHS = {"projects", "out", "templates"}
_DEFAULT = "default"
_COMMAND_LINE = "command line"
_SHOWN = 60
# What dg-sqlmesh, or a singular, calls a key that is too different for its spelling to tell.
_OTHER_NAMES = {
    "concurrency_jobs_limit": "concurrent_tasks",
    "concurrency_limit": "concurrent_tasks",
    "default_group_name": "group_name",
    "project": "projects",
    "project_dir": "projects",
    "project_path": "projects",
    "sqlmesh_config": "projects",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective value, the place that it came from, and what its key is called there."""

    key: str
    value: object
    where: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration in force, and key by key where it came from."""

    config: Config
    origins: tuple[Setting, ...]

    @contextmanager
    def located(self) -> Iterator[None]:
        """Say of every `SettingError` within in which file the value stands.

        Raises:
            UsageError: the same error, with file and key in front of it.
        """
        with _located({setting.key: setting for setting in self.origins}):
            yield


def output_folder(values: Mapping[str, object], names: Mapping[str, str]) -> Path:
    """Return the package's folder, where nothing else of the configuration is needed.

    Raises:
        UsageError: no output folder is named anywhere.
    """
    return _out(_outer(values, names)[0])


def load(values: Mapping[str, object], names: Mapping[str, str] | None = None) -> Settings:
    """Put the configuration together; the pyproject.toml nearest to the working directory counts.

    Args:
        values: from the command line, by key.
        names: what a key is called there, where that is not the key itself.

    Raises:
        UsageError: an unknown key or a wrong value, naming file and key; or no project or no
            output folder anywhere.
    """
    outer, (command_line, *pyproject) = _outer(values, names or {})
    inner = defs_layer(_out(outer))
    layers = [command_line, *([inner] if inner else []), *pyproject]
    return _settings(_merged(layers), layers)


def _outer(
    values: Mapping[str, object], names: Mapping[str, str]
) -> tuple[dict[str, Setting], list[Layer]]:
    """Return what the layers say that can name the output folder, and these layers."""
    pyproject = pyproject_layer(Path.cwd())
    layers = [Layer(_COMMAND_LINE, None, values, names), *([pyproject] if pyproject else [])]
    return _merged(layers), layers


def _out(outer: Mapping[str, Setting]) -> Path:
    if "out" not in outer:
        what = "no output folder" if "projects" in outer else "neither project nor output folder"
        raise UsageError(
            f"{what} was named",
            hint="Name it (PROJECT -o OUT), or write `projects` and `out` into the "
            "[tool.dg_sqlmesh_codegen] table of pyproject.toml.",
        )
    return Path(str(outer["out"].value))


def _settings(values: Mapping[str, Setting], layers: Sequence[Layer]) -> Settings:
    arguments = {key: setting.value for key, setting in values.items()}
    where = values["translator"].where if "translator" in values else None
    root = next((layer.base for layer in layers if layer.where == where), None)
    with _located(values):
        config = Config(**{"projects": (), **arguments}, root=root)  # type: ignore[arg-type]
    origins = tuple(values.get(key) or Setting(key, getattr(config, key), _DEFAULT) for key in KEYS)
    return Settings(config, origins)


@contextmanager
def _located(values: Mapping[str, Setting]) -> Iterator[None]:
    try:
        yield
    except SettingError as error:
        setting = values.get(error.key)
        # A folder or name that was just typed needs no place; one of many --set does.
        typed = setting and setting.where == _COMMAND_LINE and not setting.name.startswith("--set")
        if setting is None or setting.where == _DEFAULT or typed:
            raise
        header = f"{setting.where}: {setting.name}: {error.header}"
        raise UsageError(header, detail=error.detail, hint=error.hint) from error


def _merged(layers: Sequence[Layer]) -> dict[str, Setting]:
    """Validate every layer, also what another one overrides; earlier layers win."""
    merged: dict[str, Setting] = {}
    for layer in layers:
        for key, value in layer.values.items():
            name = layer.names.get(key, key)
            setting = Setting(key, _validated(key, value, layer), layer.where, name)
            merged.setdefault(key, setting)
    return merged


def _validated(key: str, value: object, layer: Layer) -> object:
    name = layer.names.get(key, key)
    if key not in KEYS:
        hint = _nearest(_OTHER_NAMES.get(key, key), KEYS)
        raise UsageError(f"{layer.where}: unknown key {name}", hint=hint)
    try:
        validated = TypeAdapter(_HINTS[key]).validate_python(value)
    except ValidationError as error:
        raise _refused(f"{layer.where}: {name}", key, value, error.errors()[0]) from error
    return _below(layer.base, validated) if key in _PATHS and layer.base else validated


def _refused(where: str, key: str, value: object, error: ErrorDetails) -> UsageError:
    """Say the first thing that is wrong, with the path to it below the key."""
    path = _path(error["loc"], value)
    if error["type"] == "unexpected_keyword_argument":
        known = [field.name for field in fields(RetryPolicy)]
        return UsageError(f"{where}: unknown key {path[1:]}", hint=_nearest(path[1:], known))
    if key == "metadata_keys" and isinstance(error["input"], str):
        hint = _nearest(error["input"], METADATA_KEYS)
        return UsageError(f"{where}: unknown metadata key {error['input']}", hint=hint)
    wanted = f"write {WANTED.get(f'{key}{path}', WANTED[key])}"
    if error["input"] is None:
        return UsageError(f"{where}{path} has no value", hint=f"{wanted.capitalize()}.")
    own = error["msg"].removeprefix("Value error, ") if error["type"] == "value_error" else wanted
    return UsageError(f"{where}{path} = {_short(error['input'])} is refused", detail=own)


def _path(location: tuple[int | str, ...], value: object) -> str:
    """Return the way to a value below its key, as it was written.

    We keep mappings as pairs, and one text as a list of one.
    """
    if isinstance(value, str):
        return ""
    if isinstance(value, Mapping) and location and isinstance(location[0], int):
        name = str([*value][location[0]])
        return f".{name}" if name.isprintable() and name.strip() else f".{json.dumps(name)}"
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def _short(value: object) -> str:
    """Return a value much as TOML and YAML write it."""
    plain = value is None or isinstance(value, str | bool | int | float | list | tuple | dict)
    text = json.dumps(value, default=str, ensure_ascii=False) if plain else str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _nearest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0)
    return f"Did you mean {close[0]}?" if close else f"Known are: {', '.join(known)}."


def _below(base: Path, value: object) -> object:
    if isinstance(value, tuple):
        return tuple(_below(base, each) for each in value)
    return value if base == Path.cwd() else base / str(value)
