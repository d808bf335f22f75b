"""The files that hold configuration -> layers of plain values, each with where it stands.

`defs.yaml` is the file that `dg` reads for the component (Dagster: "Using components"), so its
attributes are templates there and here; `pyproject.toml` holds a table.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from dg_sqlmesh_codegen.errors import UsageError

COMPONENT = "dg_sqlmesh_codegen.SQLMeshProjectComponent"
TABLE = "tool.dg_sqlmesh_codegen"
_NAME = "dg_sqlmesh_codegen"
_ALIKE = 0.85  # dashes for underscores, a letter too many: someone meant this table
_PYPROJECT = "pyproject.toml"
# Dagster takes the first of them that is there.
_DEFS = ("defs.yaml", "defs.yml")
# A folder with this component loads whatever is in it, our package too; it says nothing of it.
_FOLDER_COMPONENT = "dagster.DefsFolderComponent"
# Dagster's ComponentFileModel.
_DOCUMENT_KEYS = ("type", "attributes", "template_vars_module", "requirements", "post_processing")
# dg-sqlmesh's names of what is called otherwise here.
_SQLMESH_CONFIG = {"project_path": "projects", "gateway": "gateway", "environment": "environment"}
_COMPONENT_NAMES = {
    "concurrency_jobs_limit": "concurrent_tasks",
    "default_group_name": "group_name",
}
# A template of its own, which is no template of the YAML file.
_RAW = {"external_asset_mapping"}


@dataclass(frozen=True, slots=True)
class Layer:
    """Values from one place.

    Args:
        where: the place, as a person would name it.
        base: the folder that relative paths start from; None leaves them as they are.
        values: by key of `Config`.
        names: what a key is called there, where that is not the key itself.
    """

    where: str
    base: Path | None
    values: Mapping[str, object]
    names: Mapping[str, str]


def pyproject_layer(start: Path) -> Layer | None:
    """Return the table of the nearest pyproject.toml that has one, from `start` upwards.

    Raises:
        UsageError: a file that is no TOML, or a table that is none.
    """
    for folder in (start, *start.parents):
        path = folder / _PYPROJECT
        if path.is_file():
            table = _own_table(path)
            if table is not None:
                return Layer(f"{_shown(path)} [{TABLE}]", folder, table, {})
        if (folder / ".git").exists():  # another repository's settings are not ours
            return None
    return None


def _own_table(path: Path) -> Mapping[str, object] | None:
    document = _toml(path)
    tools = _tools(document)
    # A table that is silently not read is a trap.
    alike = [f"tool.{name}" for name in _alike(tools) if name != _NAME]
    alike += [name for name in _alike(document) if isinstance(document[name], dict)]
    if alike:
        raise UsageError(
            f"{_shown(path)}: the table [{alike[0]}] is read by nobody", hint=f"Name it [{TABLE}]."
        )
    table = tools.get(_NAME)
    if table is not None and not isinstance(table, dict):
        raise UsageError(f"{_shown(path)}: [{TABLE}] is no table")
    return table


def _alike(names: Mapping[str, object]) -> list[str]:
    return difflib.get_close_matches(_NAME, names, cutoff=_ALIKE)


def _tools(document: Mapping[str, object]) -> Mapping[str, object]:
    tools = document.get("tool")
    return tools if isinstance(tools, dict) else {}


def defs_layer(out: Path) -> Layer | None:
    """Return the component's attributes in the output folder's `defs.yaml`.

    Raises:
        UsageError: a file that is no YAML, that configures another component or several, or a
            template that does not render.
    """
    path = next((out / name for name in _DEFS if (out / name).is_file()), None)
    if path is None:
        return None
    where = _shown(path)
    attributes = _attributes(path, where)
    if attributes is None:
        return None
    values: dict[str, object] = {}
    names: dict[str, str] = {}
    for name, key, value in _renamed(attributes, where):
        if key in values:
            raise UsageError(f"{where}: {names[key]} and {name} say the same thing twice")
        values[key] = (
            value if key in _RAW else _rendered(value, path.absolute(), f"{where}: {name}")
        )
        names[key] = name
    if "out" in values:
        raise UsageError(
            f"{where}: out is the folder of {path.name} itself", hint="Remove the key."
        )
    return Layer(where, out, values, names)


def _attributes(path: Path, where: str) -> Mapping[str, object] | None:
    """Return the attributes of our component; None where the file is about the folder alone."""
    documents = _documents(path, where)
    types = [each.get("type") for each in documents if isinstance(each, dict)]
    if types and set(types) == {_FOLDER_COMPONENT}:
        return None
    ours = [each for each in documents if isinstance(each, dict) and each.get("type") == COMPONENT]
    if len(ours) != 1:
        raise UsageError(
            f"{where} holds {len(ours) or 'no'} components of type {COMPONENT}, and one is needed",
            hint=f"Write `type: {COMPONENT}`, or name another folder with -o.",
        )
    for key in map(str, ours[0]):
        if key not in _DOCUMENT_KEYS:
            raise UsageError(
                f"{where}: unknown key {key} beside attributes",
                hint=f"What configures the component stands below attributes; beside it there are "
                f"{', '.join(_DOCUMENT_KEYS)}.",
            )
    attributes = ours[0].get("attributes")
    if attributes is not None and not isinstance(attributes, dict):
        raise UsageError(f"{where}: attributes is no mapping")
    return {str(key): value for key, value in (attributes or {}).items()}


def _documents(path: Path, where: str) -> list[object]:
    try:
        loaded = yaml.load_all(_text(path), Loader=_Loader)
        return [each for each in loaded if each is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise UsageError(f"{where} is no YAML", detail=f"{error.problem}{place}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"{where} is no YAML", detail=str(error)) from error


class _Loader(yaml.SafeLoader):
    """YAML as Dagster reads it, dates as texts; a key that stands there twice is an error."""

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, object]:
        found: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in found:
                problem = f"the key {key.value} stands there twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            found.add(str(key.value))
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _renamed(attributes: Mapping[str, object], where: str) -> Iterator[tuple[str, str, object]]:
    """Yield the name in the file, our key and the value of each attribute."""
    for name, value in attributes.items():
        if name != "sqlmesh_config":
            yield name, _COMPONENT_NAMES.get(name, name), value
            continue
        if not isinstance(value, dict):
            raise UsageError(f"{where}: sqlmesh_config is no mapping", hint="Write project_path.")
        for inner, inner_value in value.items():
            if inner not in _SQLMESH_CONFIG:
                known = ", ".join(_SQLMESH_CONFIG)
                raise UsageError(
                    f"{where}: unknown key sqlmesh_config.{inner}", hint=f"Known are: {known}."
                )
            yield f"sqlmesh_config.{inner}", _SQLMESH_CONFIG[inner], inner_value


class _Env:
    """Dagster's `{{ env.X }}` and `{{ env('X', 'default') }}`."""

    def __call__(self, name: str, *default: str | None) -> str | None:
        value = os.environ.get(name, *default)
        if value is None and not default:
            raise LookupError(f"{name} is not set, and env({name!r}, ...) names no default")
        return value

    def __getattr__(self, name: str) -> str | None:
        if name.startswith(("jinja", "__")):  # Jinja asks what kind of object this is
            raise AttributeError(name)
        return os.environ.get(name)


def _rendered(value: object, path: Path, where: str) -> object:
    """Render the templates of a value as Dagster does: natively, so that a number stays one.

    A text without a template stays a text, "2024" too, which Dagster would make a number.
    """
    if isinstance(value, dict):
        return {key: _rendered(each, path, f"{where}.{key}") for key, each in value.items()}
    if isinstance(value, list):
        return [_rendered(each, path, f"{where}[{place}]") for place, each in enumerate(value)]
    if not isinstance(value, str) or not any(mark in value for mark in ("{{", "{%", "{#")):
        return value
    # Late: without a defs.yaml there is nothing to render, and importing it takes a while.
    import jinja2  # noqa: PLC0415
    from jinja2.nativetypes import NativeEnvironment  # noqa: PLC0415

    root = str(_dg_root(path.parent))
    scope = {"env": _Env(), "project_root": root, "context": {"project_root": root}}
    try:
        rendered = NativeEnvironment(undefined=jinja2.StrictUndefined).from_string(value)
        found: object = rendered.render(scope)
        if isinstance(found, jinja2.Undefined):
            str(found)  # raises, and says what is undefined
        return found
    except Exception as error:
        # A template can call and compute, so anything may come of it.
        raise UsageError(
            f"{where} does not render",
            detail=str(error),
            hint="While generating there are `project_root` and `env`.",
        ) from error


def _dg_root(folder: Path) -> Path:
    """Return the `dg` project that a folder is in; without one, the folder itself."""
    for candidate in (folder, *folder.parents):
        pyproject = candidate / _PYPROJECT
        if (candidate / "dg.toml").is_file():
            return candidate
        if pyproject.is_file() and "dg" in _tools(_toml(pyproject)):
            return candidate
    return folder


def _toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{_shown(path)} is no TOML", detail=str(error)) from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{_shown(path)} cannot be read", detail=str(error)) from error


def _shown(path: Path) -> str:
    """Return the path as one would type it here."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)
