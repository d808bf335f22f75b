"""`defs.yaml`, which Dagster reads for the component, and the component's attributes -> a layer.

Dagster documentation: "Using components".
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import partial
from pathlib import Path

import yaml

from dg_sqlmesh_codegen.errors import UsageError

from .model import KEYS
from .sources import PYPROJECT, Layer, read_text, read_toml, shown, tool_tables

COMPONENT = "dg_sqlmesh_codegen.SQLMeshProjectComponent"
# Dagster takes the first one that exists.
_DEFS = ("defs.yaml", "defs.yml")
# This component loads whatever is in its folder, our package too, and has no attributes for us.
_FOLDER_COMPONENT = "dagster.DefsFolderComponent"
# Dagster's ComponentFileModel.
_DOCUMENT_KEYS = ("type", "attributes", "template_vars_module", "requirements", "post_processing")
# dg-sqlmesh's names of attributes -> keys.
ALIASES = {
    "sqlmesh_config.project_path": "projects",
    "sqlmesh_config.gateway": "gateway",
    "sqlmesh_config.environment": "environment",
    "concurrency_jobs_limit": "concurrent_tasks",
    "default_group_name": "group_name",
}
# Every key but `out`, which is the folder of the defs.yaml.
ATTRIBUTES = tuple(key for key in KEYS if key != "out")
# The value is a template, but not one that Dagster renders.
_RAW = "external_asset_mapping"
Render = Callable[[str, str], object]


def defs_layer(out: Path) -> Layer | None:
    """Return the component's attributes in the output folder's `defs.yaml`.

    Raises:
        UsageError: the file is not valid YAML, it configures another component or several, or a
            template in it fails.
    """
    path = next((out / name for name in _DEFS if (out / name).is_file()), None)
    attributes = _attributes(path, shown(path)) if path else None
    if path is None or attributes is None:
        return None
    where = shown(path)
    return attributes_layer(rendered(attributes, _renderer(path.absolute(), where)), where, out)


def attributes_layer(
    attributes: Mapping[str, object], where: str, base: Path | None = None
) -> Layer:
    """Return a component's attributes by key of the configuration; the arguments are `Layer`'s.

    Raises:
        UsageError: two attributes set one key, `sqlmesh_config` is not a mapping, or there is an
            `out`.
    """
    values: dict[str, object] = {}
    names: dict[str, str] = {}
    for name, value in _flat(attributes, where):
        key = ALIASES.get(name, name)
        if key == "out":
            what = f"{where}: `out` is the folder of the defs.yaml itself"
            raise UsageError(what, hint="Remove the key.")
        if key in values:
            what = f"{where}: {names[key]} and {name} set the same value"
            raise UsageError(what, hint="Remove one of them.")
        names[key] = name
        values[key] = value
    write = partial(json.dumps, default=str, ensure_ascii=False)
    return Layer(where, base, values, names, (*ATTRIBUTES, *ALIASES), write)


def _flat(attributes: Mapping[str, object], where: str) -> Iterator[tuple[str, object]]:
    for name, value in attributes.items():
        if name != "sqlmesh_config":
            yield name, value
        elif isinstance(value, dict):
            yield from ((f"{name}.{inner}", each) for inner, each in value.items())
        else:
            raise UsageError(
                f"{where}: {name} must be a mapping", hint='Example: {"project_path": "transform"}'
            )


def _attributes(path: Path, where: str) -> Mapping[str, object] | None:
    """Return the attributes of our component; None where the file configures the folder only."""
    documents = [each for each in _documents(path, where) if isinstance(each, dict)]
    if documents and {each.get("type") for each in documents} == {_FOLDER_COMPONENT}:
        return None
    ours = [each for each in documents if each.get("type") == COMPONENT]
    if len(ours) != 1:
        raise UsageError(
            f"{where} must have one component of type {COMPONENT}, and has {len(ours) or 'none'}",
            hint=f"Write `type: {COMPONENT}` once, or choose another folder with -o.",
        )
    for key in map(str, ours[0]):
        if key not in _DOCUMENT_KEYS:
            raise UsageError(
                f"{where}: unknown key {key} beside attributes",
                hint="Move it below `attributes`. The keys beside it are "
                f"{', '.join(_DOCUMENT_KEYS)}.",
            )
    attributes = ours[0].get("attributes")
    if attributes is not None and not isinstance(attributes, dict):
        raise UsageError(
            f"{where}: attributes must be a mapping", hint='Example: {"group_name": "marts"}'
        )
    return {str(key): value for key, value in (attributes or {}).items()}


def _documents(path: Path, where: str) -> list[object]:
    try:
        return [*yaml.load_all(read_text(path), Loader=_Loader)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise UsageError(f"{where} is not valid YAML", detail=f"{error.problem}{place}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"{where} is not valid YAML", detail=str(error)) from error


class _Loader(yaml.SafeLoader):
    """YAML as Dagster reads it, with dates as text; but a key that is there twice is an error."""

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, object]:
        found: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in found:
                problem = f"the key {key.value} is there twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            found.add(str(key.value))
        return super().construct_mapping(node, deep)


_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: str(node.value))


def rendered(attributes: Mapping[str, object], render: Render) -> dict[str, object]:
    """Render the templates in attributes; text without a template stays text, also "2024".

    Args:
        attributes: by name.
        render: returns what a template gives; its second argument is the path to the template.
    """
    return {
        name: value if name == _RAW else _rendered(value, name, render)
        for name, value in attributes.items()
    }


def _rendered(value: object, path: str, render: Render) -> object:
    if isinstance(value, dict):
        return {key: _rendered(each, f"{path}.{key}", render) for key, each in value.items()}
    if isinstance(value, list):
        return [_rendered(each, f"{path}[{place}]", render) for place, each in enumerate(value)]
    is_template = isinstance(value, str) and any(mark in value for mark in ("{{", "{%", "{#"))
    return render(str(value), path) if is_template else value


class _Env:
    """Dagster's `{{ env.X }}` and `{{ env('X', 'default') }}`."""

    def __call__(self, name: str, *default: str | None) -> str | None:
        value = os.environ.get(name, *default)
        if value is None and not default:
            raise LookupError(f"{name} is not set, and env({name!r}) has no default")
        return value

    def __getattr__(self, name: str) -> str | None:
        if name.startswith(("jinja", "__")):  # Jinja asks what kind of object this is
            raise AttributeError(name)
        return os.environ.get(name)


def _renderer(file: Path, where: str) -> Render:
    """Return a function that renders as Dagster does: natively, so that a number stays one."""

    def render(text: str, path: str) -> object:
        # Imported here because it takes a while, and most files have no templates.
        import jinja2  # noqa: PLC0415
        from jinja2.nativetypes import NativeEnvironment  # noqa: PLC0415

        root = str(_dg_root(file.parent))
        scope = {"env": _Env(), "project_root": root, "context": {"project_root": root}}
        jinja = NativeEnvironment(undefined=jinja2.StrictUndefined)
        try:
            found: object = jinja.from_string(text).render(scope)
            if isinstance(found, jinja2.Undefined):
                str(found)  # raises, and names what is undefined
        except Exception as error:
            # A template can call functions and compute, so it can raise anything.
            raise UsageError(
                f"{where}: {path}: the template fails",
                detail=str(error),
                hint="While generating, templates can use `project_root` and `env`.",
            ) from error
        return found

    return render


def _dg_root(folder: Path) -> Path:
    """Return the root of the `dg` project that contains a folder, or else the folder itself."""
    for candidate in (folder, *folder.parents):
        pyproject = candidate / PYPROJECT
        if (candidate / "dg.toml").is_file():
            return candidate
        if pyproject.is_file() and "dg" in tool_tables(read_toml(pyproject)):
            return candidate
    return folder
