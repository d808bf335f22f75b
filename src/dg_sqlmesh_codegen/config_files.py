"""The files that hold configuration -> layers of plain values, each with where it stands.

`defs.yaml` is the file that `dg` reads for the component (Dagster: "Using components"), so its
attributes are templates there and here; `pyproject.toml` holds a table.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from .errors import UsageError

COMPONENT = "dg_sqlmesh_codegen.SQLMeshProjectComponent"
TABLE = "tool.dg_sqlmesh_codegen"
_PYPROJECT = "pyproject.toml"
_DEFS = "defs.yaml"
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
            table = _toml(path).get("tool", {}).get("dg_sqlmesh_codegen")
            if isinstance(table, dict):
                return Layer(f"{_shown(path)} [{TABLE}]", folder, table, {})
            if table is not None:
                raise UsageError(f"{_shown(path)}: [{TABLE}] is no table")
        if (folder / ".git").exists():  # another repository's settings are not ours
            return None
    return None


def defs_layer(out: Path) -> Layer | None:
    """Return the component's attributes in the output folder's `defs.yaml`.

    Raises:
        UsageError: a file that is no YAML, that configures another component or several, or a
            template that does not render.
    """
    path = out / _DEFS
    if not path.is_file():
        return None
    where = _shown(path)
    attributes = _attributes(path, where)
    values: dict[str, object] = {}
    names: dict[str, str] = {}
    for name, key, value in _renamed(attributes, where):
        if key in values:
            raise UsageError(f"{where}: {names.get(key, key)} and {name} say the same thing twice")
        values[key] = (
            value if key in _RAW else _rendered(value, path.absolute(), f"{where}: {name}")
        )
        names[key] = name
    if "out" in values:
        raise UsageError(f"{where}: out is the folder of {_DEFS} itself", hint="Remove the key.")
    return Layer(where, out, values, names)


def _attributes(path: Path, where: str) -> Mapping[str, object]:
    try:
        documents = [each for each in yaml.safe_load_all(_text(path)) if each is not None]
    except yaml.YAMLError as error:
        raise UsageError(f"{where} is no YAML", detail=str(error)) from error
    ours = [each for each in documents if isinstance(each, dict) and each.get("type") == COMPONENT]
    if len(ours) != 1:
        raise UsageError(
            f"{where} holds {len(ours) or 'no'} components of type {COMPONENT}, and one is needed",
            hint=f"Write `type: {COMPONENT}`, or name another folder with -o.",
        )
    attributes = ours[0].get("attributes") or {}
    if not isinstance(attributes, dict):
        raise UsageError(f"{where}: attributes is no mapping")
    return attributes


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

    def __call__(self, name: str, default: str | None = None) -> str | None:
        return os.environ.get(name, default)

    def __getattr__(self, name: str) -> str | None:
        if name.startswith(("jinja", "__")):  # Jinja asks what kind of object this is
            raise AttributeError(name)
        return os.environ.get(name)


def _rendered(value: object, path: Path, where: str) -> object:
    """Render the templates of a value, as Dagster does: natively, so that a number stays one."""
    if isinstance(value, dict):
        return {key: _rendered(each, path, f"{where}.{key}") for key, each in value.items()}
    if isinstance(value, list):
        return [_rendered(each, path, where) for each in value]
    if not isinstance(value, str) or not value:
        return value
    # Late: without a defs.yaml there is nothing to render, and importing it takes a while.
    import jinja2  # noqa: PLC0415
    from jinja2.nativetypes import NativeEnvironment  # noqa: PLC0415

    root = str(_dg_root(path.parent))
    scope = {"env": _Env(), "project_root": root, "context": {"project_root": root}}
    try:
        template = NativeEnvironment(undefined=jinja2.StrictUndefined).from_string(value)
        return template.render(scope)
    except jinja2.TemplateError as error:
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
        if pyproject.is_file() and "dg" in _toml(pyproject).get("tool", {}):
            return candidate
    return folder


def _toml(path: Path) -> dict[str, dict[str, object]]:
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
