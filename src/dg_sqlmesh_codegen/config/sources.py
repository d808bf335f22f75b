"""The files that configure the generator -> layers: `pyproject.toml`, and `defs.yaml`."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import yaml

from dg_sqlmesh_codegen.errors import UsageError

from .defs_yaml import COMPONENT, attributes_layer, jinja_renderer, rendered
from .layer import Layer

T = TypeVar("T")
TABLE = "tool.dg_sqlmesh_codegen"
_NAME = "dg_sqlmesh_codegen"
_PYPROJECT = "pyproject.toml"
# Dagster takes the first one that exists.
_DEFS = ("defs.yaml", "defs.yml")
# This component loads whatever is in its folder, our package too, and has no attributes for us.
_FOLDER_COMPONENT = "dagster.DefsFolderComponent"
_SKIPPED = {"venv", "node_modules", "site-packages"}
# Dagster's ComponentFileModel.
_DOCUMENT_KEYS = ("type", "attributes", "template_vars_module", "requirements", "post_processing")


def pyproject_layer(start: Path) -> Layer | None:
    """Return our table of the nearest pyproject.toml that has one, from `start` upwards.

    Raises:
        UsageError: the file is not valid TOML, or our name in it is not a table.
    """
    for folder in (start, *start.parents):
        path = folder / _PYPROJECT
        table = _own_table(path) if path.is_file() else None
        if table is not None:
            return Layer(f"{_shown(path)} [{TABLE}]", folder, table)
        if (folder / ".git").exists():  # a repository does not configure another one
            return None
    return None


def defs_layer(out: Path) -> Layer | None:
    """Return the component's attributes in the output folder's `defs.yaml`.

    Raises:
        UsageError: the file is not valid YAML, it configures another component or several, or a
            template in it fails.
    """
    path = next((out / name for name in _DEFS if (out / name).is_file()), None)
    attributes = _attributes(path) if path else None
    if path is None or attributes is None:
        return None
    render = jinja_renderer(_shown(path), _dg_root(out.absolute()) or out.absolute())
    return attributes_layer(rendered(attributes, render), _shown(path), out)


def _own_table(path: Path) -> Mapping[str, object] | None:
    document = _parsed(path, "TOML", tomllib.loads)
    tools = _tools(document)
    dashes = _NAME.replace("_", "-")
    if dashes in tools:
        what = f"{_shown(path)}: the table [tool.{dashes}] is unknown"
        raise UsageError(what, hint=f"Rename it to [{TABLE}].")
    table = tools.get(_NAME)
    if table is not None and not isinstance(table, dict):
        raise UsageError(f"{_shown(path)}: {TABLE} must be a table", hint=f"Write [{TABLE}].")
    return table


def components(start: Path) -> list[Path]:
    """Return the folders of our components in the `dg` project that contains a folder."""
    root = _dg_root(start)
    found: list[Path] = []
    for folder, folders, files in os.walk(root) if root else ():
        # Environments and caches are no part of the project.
        folders[:] = sorted(each for each in folders if each not in _SKIPPED and each[0] != ".")
        name = next((name for name in _DEFS if name in files), None)
        if name and COMPONENT in _parsed(Path(folder, name), "YAML", str):
            found.append(Path(os.path.relpath(folder)))
    return found


def defs_folder(out: Path) -> Path | None:
    """Return the folder whose definitions the `dg` project of a folder loads, if it is in one."""
    root = _dg_root(out)
    if root is None:
        return None
    file = root / "dg.toml"
    name = file if file.is_file() else root / _PYPROJECT
    document = _parsed(name, "TOML", tomllib.loads)
    dg = document if name == file else _tools(document).get("dg")
    project = dg.get("project") if isinstance(dg, dict) else None
    if not isinstance(project, dict):
        return None
    module = str(project.get("defs_module") or f"{project.get('root_module')}.defs")
    folders = (root.joinpath(base, *module.split(".")) for base in ("src", "."))
    return next((each for each in folders if out.is_relative_to(each)), None)


def _dg_root(folder: Path) -> Path | None:
    """Return the root of the `dg` project that contains a folder."""
    for root in (folder, *folder.parents):
        file = root / _PYPROJECT
        if (root / "dg.toml").is_file():
            return root
        if file.is_file() and "dg" in _tools(_parsed(file, "TOML", tomllib.loads)):
            return root
    return None


def _tools(document: Mapping[str, object]) -> Mapping[str, object]:
    tools = document.get("tool")
    return tools if isinstance(tools, dict) else {}


def _attributes(path: Path) -> Mapping[str, object] | None:
    """Return the attributes of our component; None where the file configures the folder only."""
    where = _shown(path)
    found = _parsed(path, "YAML", lambda text: [*yaml.load_all(text, Loader=_Loader)])
    documents = [each for each in found if isinstance(each, dict)]
    if documents and {each.get("type") for each in documents} == {_FOLDER_COMPONENT}:
        return None
    ours = [each for each in documents if each.get("type") == COMPONENT]
    if len(ours) != 1:
        raise UsageError(
            f"{where} must have one component of type {COMPONENT}, and has {len(ours) or 'none'}",
            hint=f"Write `type: {COMPONENT}` once, or choose another folder with -o.",
        )
    for key in ours[0].keys() - {*_DOCUMENT_KEYS}:
        raise UsageError(
            f"{where}: unknown key {key} beside attributes",
            hint=f"Move it below `attributes`. The keys beside it are {', '.join(_DOCUMENT_KEYS)}.",
        )
    attributes = ours[0].get("attributes")
    if attributes is not None and not isinstance(attributes, dict):
        what = f"{where}: attributes must be a mapping"
        raise UsageError(what, hint='Example: {"group_name": "marts"}')
    return {str(key): value for key, value in (attributes or {}).items()}


class _Loader(yaml.SafeLoader):
    """YAML as Dagster reads it, with dates as text."""


_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: str(node.value))


def _parsed(path: Path, language: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{_shown(path)} cannot be read", detail=str(error)) from error
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        reason = f"{getattr(error, 'problem', error)}{place}"
        raise UsageError(f"{_shown(path)} is not valid {language}", detail=reason) from error


def _shown(path: Path) -> str:
    """Return the path as it is typed in the working directory."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)
