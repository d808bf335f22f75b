"""The attributes of the component in a `defs.yaml` -> a layer, with their templates rendered.

Dagster documentation: "Using components".
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from dg_sqlmesh_codegen.errors import UsageError

from .layer import Layer
from .model import KEYS

COMPONENT = "dg_sqlmesh_codegen.SQLMeshProjectComponent"
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


def attributes_layer(
    attributes: Mapping[str, object], where: str, base: Path | None = None
) -> Layer:
    """Return a component's attributes as a layer; the arguments are those of `Layer`.

    Raises:
        UsageError: `sqlmesh_config` is not a mapping, or there is an `out`.
    """
    values = {**attributes}
    nested = values.pop("sqlmesh_config", {})
    if not isinstance(nested, dict):
        what = f"{where}: sqlmesh_config must be a mapping"
        raise UsageError(what, hint='Example: {"project_path": "transform"}')
    if "out" in values:
        what = f"{where}: `out` is the folder of the defs.yaml itself"
        raise UsageError(what, hint="Remove the key.")
    values |= {f"sqlmesh_config.{name}": value for name, value in nested.items()}
    keys = {**{key: key for key in ATTRIBUTES}, **ALIASES}
    return Layer(where, base, values, keys, partial(json.dumps, default=str, ensure_ascii=False))


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


def jinja_renderer(where: str, root: Path) -> Render:
    """Return a function that renders as Dagster does: natively, so that a number stays one.

    `where` is the file, for errors; `root` is the folder that `project_root` stands for.
    """

    def render(text: str, path: str) -> object:
        # Imported here because it takes a while, and most files have no templates.
        import jinja2  # noqa: PLC0415
        from jinja2.nativetypes import NativeEnvironment  # noqa: PLC0415

        scope = {"env": _Env(), "project_root": f"{root}", "context": {"project_root": f"{root}"}}
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
