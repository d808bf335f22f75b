"""Layers of configuration -> one `Config`, and where each of its values came from.

The command line wins over `defs.yaml` in the output folder, which wins over the nearest
`pyproject.toml`; a key that is set in none of them has its default.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from dg_sqlmesh_codegen.errors import SettingError, UsageError

from .defs_yaml import ALIASES, defs_layer
from .model import FIELDS, Config, RetryPolicy
from .sources import Layer, pyproject_layer

_PATHS = {"projects", "out", "templates"}
_DEFAULT = "default"
_COMMAND_LINE = "command line"
_SHOWN = 60  # characters of a value in an error
# For pydantic's error types whose message names Python's types.
_MESSAGES = {
    "bool_type": "it must be true or false, without quotes",
    "dataclass_type": "it must be a mapping",
    "dict_type": "it must be a mapping",
    "int_type": "it must be a whole number",
    "path_type": "it must be a folder in quotes",
    "string_type": "it must be text in quotes",
    "tuple_type": "it must be a list, or text in quotes",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One effective value, the place that it came from, and the name of its key there."""

    key: str
    value: object
    where: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration in force, and the origin of each value, key by key."""

    config: Config
    origins: tuple[Setting, ...]

    def located(self) -> AbstractContextManager[None]:
        """Turn each `SettingError` raised within into a UsageError that names place and key."""
        return _located({setting.key: setting for setting in self.origins})


def output_folder(arguments: Mapping[str, object], options: Mapping[str, str]) -> Path:
    """Return the package's folder alone; the arguments are those of `load`.

    Raises:
        UsageError: no output folder is configured.
    """
    return _out(merged(_outer(arguments, options)))


def load(arguments: Mapping[str, object], options: Mapping[str, str] | None = None) -> Settings:
    """Put the configuration together, with the pyproject.toml nearest to the working directory.

    Args:
        arguments: values from the command line, by key.
        options: what was typed for a key, where that is not the key itself.

    Raises:
        UsageError: an unknown key or a wrong value, naming place and key; or no project or no
            output folder is configured.
    """
    command_line, *pyproject = outer = _outer(arguments, options or {})
    inner = defs_layer(_out(merged(outer)))
    layers = [command_line, *([inner] if inner else []), *pyproject]
    return _settings(merged(layers), layers)


def _outer(arguments: Mapping[str, object], options: Mapping[str, str]) -> list[Layer]:
    """Return the layers that can name the output folder."""
    pyproject = pyproject_layer(Path.cwd())
    command_line = Layer(_COMMAND_LINE, None, arguments, options)
    return [command_line, *([pyproject] if pyproject else [])]


def _out(outer: Mapping[str, Setting]) -> Path:
    if "out" not in outer:
        missing = (
            "output folder is"
            if "projects" in outer
            else "SQLMesh project and no output folder are"
        )
        raise UsageError(
            f"no {missing} configured",
            hint="Name it (PROJECT -o OUT), or set `projects` and `out` in the "
            "[tool.dg_sqlmesh_codegen] table of pyproject.toml.",
        )
    return Path(str(outer["out"].value))


def _settings(found: Mapping[str, Setting], layers: Sequence[Layer]) -> Settings:
    arguments = {key: setting.value for key, setting in found.items()}
    where = found["translator"].where if "translator" in found else None
    root = next((layer.base for layer in layers if layer.where == where), None)
    with _located(found):
        config = Config(**{"projects": (), **arguments}, root=root)  # type: ignore[arg-type]
    defaults = {key: Setting(key, getattr(config, key), _DEFAULT) for key in FIELDS}
    return Settings(config, tuple({**defaults, **found}.values()))


@contextmanager
def _located(found: Mapping[str, Setting]) -> Iterator[None]:
    try:
        yield
    except SettingError as error:
        setting = found.get(error.key)
        # What was typed for an option of its own is plain to see; one of several --set is not.
        typed = setting and setting.where == _COMMAND_LINE and not setting.name.startswith("--set")
        if setting is None or setting.where == _DEFAULT or typed:
            raise
        header = f"{setting.where}: {setting.name}: {error.header}"
        raise UsageError(header, detail=error.detail, hint=error.hint) from error


def merged(layers: Sequence[Layer]) -> dict[str, Setting]:
    """Return the values of all layers by key; of one key, that of the first layer.

    Raises:
        UsageError: an unknown key or a wrong value, also where another layer overrides it.
    """
    found: dict[str, Setting] = {}
    for layer in layers:
        for key in layer.values:
            name = layer.names.get(key, key)
            found.setdefault(key, Setting(key, _validated(key, layer), layer.where, name))
    return found


def _validated(key: str, layer: Layer) -> object:
    if key not in FIELDS:
        raise _unknown(layer.where, key, layer.known)
    try:
        value = TypeAdapter(FIELDS[key].rebuild_annotation()).validate_python(layer.values[key])
    except ValidationError as error:
        raise _refused(key, layer, error.errors()[0]) from error
    return _below(layer.base, value) if key in _PATHS and layer.base else value


def _refused(key: str, layer: Layer, error: ErrorDetails) -> UsageError:
    """Return the error of a value: the path to what is wrong, why, and how to write it."""
    where = f"{layer.where}: {layer.names.get(key, key)}"
    path, given = _path(error["loc"], layer.values[key]), error["input"]
    if error["type"] == "unexpected_keyword_argument":
        return _unknown(where, path[1:], [field.name for field in fields(RetryPolicy)])
    expected = re.findall(r"'(\w+)'", error.get("ctx", {}).get("expected", ""))
    hint = _nearest(str(given), expected) or f"Example: {_example(key, layer)}"
    if given is None:
        return UsageError(f"{where}{path} has no value", hint=hint)
    reason = error["msg"].removeprefix("Value error, ").replace("Input should be", "it must be")
    shown = layer.write(given)
    shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."
    what = f"{where}{path} = {shown} is not valid"
    return UsageError(what, detail=_MESSAGES.get(error["type"], reason), hint=hint)


def _example(key: str, layer: Layer) -> str:
    examples = FIELDS[key].examples or []
    if layer.where == _COMMAND_LINE and not layer.names.get(key, "").startswith("--set"):
        return next(each for each in examples if isinstance(each, str))
    return layer.write(examples[0])


def _unknown(where: str, key: str, known: Sequence[str]) -> UsageError:
    hint = _nearest(ALIASES.get(key, key), known) or f"The keys are: {', '.join(known)}."
    return UsageError(f"{where}: unknown key {key}", hint=hint)


def _nearest(name: str, known: Sequence[str]) -> str:
    lower = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), lower, n=1)
    return f"Did you mean {lower[close[0]]}?" if close else ""


def _path(location: Sequence[int | str], value: object) -> str:
    """Return the path to a value below its key, as it was written."""
    if isinstance(value, str | tuple):  # text for a list of one; arguments of an option
        return ""
    text = ""
    for part in location:
        if isinstance(part, int) and not isinstance(value, Mapping):
            text += f"[{part}]"
        elif part != "[key]":  # pydantic's word for a mapping's key
            text += f".{part}" if str(part).strip() else '.""'
    return text


def _below(base: Path, value: object) -> object:
    if isinstance(value, tuple):
        return tuple(_below(base, each) for each in value)
    return value if base == Path.cwd() else base / str(value)
