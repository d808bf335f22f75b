"""Layers of configuration -> one `Config`, and where each of its values came from.

The command line wins over `defs.yaml` in the output folder, which wins over the nearest
`pyproject.toml`; a key that is set in none of them has its default.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from dg_sqlmesh_codegen.errors import SettingError, UsageError

from .defs_yaml import ALIASES
from .jobs import Job
from .layer import SET, Layer
from .model import FIELDS, Config, RetryPolicy
from .sources import components, defs_layer, pyproject_layer

_PATHS = {"projects", "out", "templates"}
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
    """One effective value, and the layer and the name there that it came from."""

    key: str
    value: object
    layer: Layer | None = None
    name: str = ""

    @property
    def where(self) -> str:
        """The place, as a person reads it."""
        return self.layer.where if self.layer else "default"


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration in force, and the origin of each value, key by key."""

    config: Config
    origins: tuple[Setting, ...]

    def located(self) -> AbstractContextManager[None]:
        """Turn each `SettingError` raised within into a UsageError that names place and key."""
        return _located({setting.key: setting for setting in self.origins})


def output_folder(command_line: Layer) -> Path:
    """Return the package's folder alone.

    Raises:
        UsageError: no output folder is configured.
    """
    return _out(merged((command_line, pyproject_layer(Path.cwd()))))


def load_all(command_line: Layer) -> list[Settings]:
    """Put each configuration together: that of `load`, or those of a `dg` project's components.

    The components count if neither a project nor an output folder is configured.

    Raises:
        UsageError: as `load`.
    """
    here = Path.cwd()
    given = merged((command_line, pyproject_layer(here)))
    folders = components(here) if "out" not in given and "projects" not in given else []
    found = [replace(command_line, values={**command_line.values, "-o": each}) for each in folders]
    return [load(layer) for layer in found or [command_line]]


def load(command_line: Layer) -> Settings:
    """Put the configuration together, with the pyproject.toml nearest to the working directory.

    Raises:
        UsageError: an unknown key or a wrong value, naming place and key; or no project or no
            output folder is configured.
    """
    pyproject = pyproject_layer(Path.cwd())
    defs = defs_layer(_out(merged((command_line, pyproject))))
    found = merged((command_line, defs, pyproject))
    arguments = {"projects": (), **{key: setting.value for key, setting in found.items()}}
    named = found["translator"].layer if "translator" in found else None
    with _located(found):
        config = Config(**arguments, root=named.base if named else None)  # type: ignore[arg-type]  # checked by `merged`
    defaults = {key: Setting(key, getattr(config, key)) for key in FIELDS}
    return Settings(config, tuple({**defaults, **found}.values()))


def _out(outer: Mapping[str, Setting]) -> Path:
    if "out" not in outer:
        project = "" if "projects" in outer else "SQLMesh project and no "
        are = "is" if "projects" in outer else "are"
        raise UsageError(
            f"no {project}output folder {are} configured",
            hint="Add PROJECT -o OUT to the command, or set `projects` and `out` in the "
            "[tool.dg_sqlmesh_codegen] table of pyproject.toml.",
        )
    return Path(str(outer["out"].value))


@contextmanager
def _located(found: Mapping[str, Setting]) -> Iterator[None]:
    try:
        yield
    except SettingError as error:
        setting = found.get(error.key)
        if not setting or not setting.layer or setting.layer.is_option(setting.name):
            raise
        header = f"{setting.where}: {setting.name}: {error.header}"
        raise UsageError(header, detail=error.detail, hint=error.hint) from error


def merged(layers: Iterable[Layer | None]) -> dict[str, Setting]:
    """Return the values of all layers by key; of one key, that of the first layer.

    Raises:
        UsageError: an unknown key or a wrong value, also where another layer overrides it; or one
            layer sets a key by two names.
    """
    found: dict[str, Setting] = {}
    for layer in filter(None, layers):
        names: dict[str, str] = {}
        for name in layer.values:
            if name not in layer.keys:
                raise _unknown(layer.where, name, layer.keys)
            key = layer.keys[name]
            if names.setdefault(key, name) != name:
                what = f"{layer.where}: {names[key]} and {name} set the same value"
                raise UsageError(what, hint="Remove one of them.")
            found.setdefault(key, Setting(key, _validated(key, layer, name), layer, name))
    return found


def _validated(key: str, layer: Layer, name: str) -> object:
    try:
        value = TypeAdapter(FIELDS[key].rebuild_annotation()).validate_python(layer.values[name])
    except ValidationError as error:
        raise _refused(key, layer, name, error.errors()[0]) from error
    return _below(layer.base, value) if key in _PATHS and layer.base else value


def _refused(key: str, layer: Layer, name: str, error: ErrorDetails) -> UsageError:
    """Return the error of a value: the path to what is wrong, why, and how to write it."""
    where = f"{layer.where}: {name}"
    path, given = _path(error["loc"], layer.values[name]), error["input"]
    if error["type"] == "unexpected_keyword_argument":
        of, _, name = path.rpartition(".")
        record = Job if key == "jobs" else RetryPolicy
        return _unknown(f"{where}{of}", name, [field.name for field in fields(record)])
    expected = re.findall(r"'(\w+)'", error.get("ctx", {}).get("expected", ""))
    examples = FIELDS[key].examples or []
    option = next((each for each in examples if isinstance(each, str)), "")
    example = option if layer.is_option(name) else layer.write(examples[0])
    hint = _nearest(str(given), expected) or f"Example: {example}"
    if error["type"] == "missing":
        return UsageError(f"{where}{path} is missing", hint=hint)
    if given is None:
        return UsageError(f"{where}{path} has no value", hint=hint)
    if error["type"] == "tuple_type" and (key, path) == ("jobs", ""):
        return UsageError(f"{where} must be a list of tables", hint=hint)
    reason = error["msg"].removeprefix("Value error, ").replace("Input should be", "it must be")
    shown = layer.write(given)
    shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."
    what = f"{where}{path} = {shown} is not valid"
    return UsageError(what, detail=_MESSAGES.get(error["type"], reason), hint=hint)


def _unknown(where: str, name: str, known: Iterable[str]) -> UsageError:
    key = name.removeprefix(SET)
    names = [each.removeprefix(SET) for each in known]
    hint = _nearest(ALIASES.get(key, key), names) or f"The keys are: {', '.join(names)}."
    return UsageError(f"{where}: unknown key {key}", hint=hint)


def _nearest(name: str, known: Iterable[str]) -> str:
    lower = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), lower, n=1)
    return f"Did you mean {lower[close[0]]}?" if close else ""


def _path(location: Iterable[int | str], value: object) -> str:
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
