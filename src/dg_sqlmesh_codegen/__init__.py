"""dg-sqlmesh-codegen: a SQLMesh project in, a reviewable Dagster package out.

Generated code imports `dg_sqlmesh_codegen.runtime`, and with it this file, so nothing heavy may
be imported here: the public names below are resolved when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .version import __version__

if TYPE_CHECKING:
    from dg_sqlmesh_codegen.component.component import (
        SQLMeshProjectComponent as SQLMeshProjectComponent,
    )
    from dg_sqlmesh_codegen.config.model import Config as Config
    from dg_sqlmesh_codegen.translation.translator import SQLMeshTranslator as SQLMeshTranslator

    from .errors import CodegenError as CodegenError
    from .pipeline import generate as generate

_HOMES = {
    "CodegenError": "errors",
    "Config": "config.model",
    "SQLMeshProjectComponent": "component",
    "SQLMeshTranslator": "translation.translator",
    "generate": "pipeline",
}
__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604 - all of them are text


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    # `dg` takes everything that is listed here to find components, and `generate` imports SQLMesh.
    return [*globals(), *(name for name in _HOMES if name != "generate")]
