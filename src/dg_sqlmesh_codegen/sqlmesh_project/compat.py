"""What the generator uses of SQLMesh and SQLGlot outside their documentation, and what differs.

No other module of the generator has a private name of theirs or asks for a version. Tried with
SQLMesh 0.206.1 (SQLGlot 27.5), 0.215.0, 0.225.0, 0.228.1, 0.231.1 (SQLGlot 28), 0.234.1 (SQLGlot
30), 0.235.4 and 0.236.4; what has no version here is the same in all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmesh import Context, __version__

from dg_sqlmesh_codegen.errors import UsageError
from dg_sqlmesh_codegen.version import __version__ as own_version

if TYPE_CHECKING:
    from sqlmesh.core.audit import Audit
    from sqlmesh.core.engine_adapter.base import EngineAdapter
    from sqlmesh.core.loader import LoadedProject, Loader
    from sqlmesh.core.model import SqlModel

VERSION = __version__
OLDEST, NEWEST = "0.206.1", "0.236.4"


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def remark(version: str = __version__) -> str:
    """Return a sentence about a SQLMesh that is newer than any that was tried; else nothing."""
    if _number(version) <= _number(NEWEST):
        return ""
    return (
        f"SQLMesh {version} is newer than all that dg-sqlmesh-codegen {own_version} was tried with "
        f'({OLDEST} to {NEWEST}): if that is the reason, run `pip install "sqlmesh<={NEWEST}"`.'
    )


def require(version: str = __version__) -> None:
    """Refuse a SQLMesh that is too old.

    Raises:
        UsageError: it names the version and the command that installs a newer one.
    """
    if _number(version) < _number(OLDEST):
        raise UsageError(
            f"SQLMesh {version} is too old for dg-sqlmesh-codegen {own_version}",
            hint=f'Run `pip install "sqlmesh>={OLDEST}"`.',
        )


@contextmanager
def changes_explained(version: str = __version__) -> Iterator[None]:
    """Say which SQLMesh was tried, where one that is newer has no longer what we use.

    Raises:
        UsageError: instead of an error that would read as a bug.
    """
    try:
        yield
    except (AttributeError, ImportError, TypeError) as error:
        if not remark(version):
            raise
        raise UsageError(f"{type(error).__name__}: {error}", hint=remark(version)) from error


require()
with changes_explained():
    from sqlglot import exp
    from sqlmesh.core import analytics, constants, lineage
    from sqlmesh.core.config import common
    from sqlmesh.core.config.connection import (
        CONNECTION_CONFIG_TO_TYPE,
        BaseDuckDBConnectionConfig,
        ConnectionConfig,
    )
    from sqlmesh.core.console import Console, create_console
    from sqlmesh.core.dialect import MacroFunc, normalize_model_name
    from sqlmesh.core.model import Model
    from sqlmesh.utils import yaml
    from sqlmesh.utils.jinja import ENVIRONMENT, create_var

__all__ = ["MacroFunc"]

# 0.206 has no name for them, and no `sqlmesh.yaml`.
CONFIG_FILES: tuple[str, ...] = getattr(
    common, "ALL_CONFIG_FILENAMES", ("config.py", "config.yml", "config.yaml")
)
# The class of a connection by its `type`: what to build without validation.
CONNECTION_TYPES: Mapping[str, type[ConnectionConfig]] = CONNECTION_CONFIG_TO_TYPE


def disable_analytics() -> None:
    """Send nothing, whatever the configuration says: the environment variable is read at import."""
    analytics.disable_analytics()


def checks_driver(connection: type[ConnectionConfig]) -> bool:
    """Return whether a connection has `check_import`: SQLMesh itself depends on DuckDB."""
    return not issubclass(connection, BaseDuckDBConnectionConfig)


def adapter_maker(
    connection: ConnectionConfig, connect: Callable[..., Any]
) -> Callable[..., EngineAdapter]:
    """Return what makes a connection's adapter, with another function that connects.

    The public `create_engine_adapter` looks for drivers and credentials, and shares DuckDB's
    adapters by file name: a run in the same process must not get one that cannot connect.
    """
    return partial(connection._engine_adapter, connect, **connection._extra_engine_config)


def terminal_console() -> Console:
    """Return what prints as SQLMesh's own commands do: a context made in Python prints nothing."""
    return create_console()


def record_projects(context: Context) -> Sequence[tuple[str, Mapping[str, Model]]]:
    """Return a list that `context.load` fills: each project's folder name and models by fqn.

    Nothing public tells which project had a model: the context keeps the last one of a name.
    """
    found: list[tuple[str, Mapping[str, Model]]] = []

    # Their signatures differ between versions, so the arguments are only passed on.
    def load(loader: Loader, *arguments: object, **options: object) -> LoadedProject:
        project = type(loader).load(loader, *arguments, **options)  # type: ignore[arg-type]
        found.append((loader.config_path.name, {**project.models}))
        return project

    for loader in context._loaders:
        loader.load = partial(load, loader)  # type: ignore[method-assign]
    return found


def expand_selector(context: Context, selector: str) -> set[str]:
    """Return the fqns that a selector of SQLMesh matches, of embedded and external models, too.

    Nothing public makes a context's selector. Its class is `Selector` in 0.206 and `NativeSelector`
    in 0.234.
    """
    return set(context._new_selector().expand_model_selections([selector]))


def source_path(model: Model) -> Path | None:
    """Return the file that defines a model: it has no public attribute for it."""
    return model._path


def query_text(node: SqlModel | Audit) -> str:
    """Return the text of a query, as it stands in its file.

    The public attribute `query` is the parsed expression. 0.206 has the text only there.
    """
    kept = getattr(node, "query_", None)
    return str(kept.sql if kept else node.query.meta.get("sql") or node.query.sql(node.dialect))


def kept_variables(model: Model) -> list[str]:
    """Return what SQLMesh keeps with a model of the variables that it uses, as text."""
    kept = [model.jinja_macros.global_objs.get(constants.SQLMESH_VARS)]
    # 0.206 has no variables of metadata.
    for key in (constants.SQLMESH_VARS, getattr(constants, "SQLMESH_VARS_METADATA", "")):
        kept.append(model.python_env[key].payload if key in model.python_env else None)
    return [str(each) for each in kept]


def yaml_config(text: str, env_var: Callable[..., str | None]) -> Mapping[str, Any]:
    """Return a YAML configuration, rendered with another `env_var` than SQLMesh's."""
    methods = {**yaml.JINJA_METHODS, "env_var": env_var, "var": create_var({})}
    rendered = ENVIRONMENT.from_string(text).render(methods)
    config: Mapping[str, Any] = yaml.load(rendered, render_jinja=False)
    return config


def forget_lineage() -> None:
    """Empty SQLMesh's cache: it knows models by `id`, which a later project's model may have."""
    lineage.CACHE.clear()


def columns_read(model: Model, column: str) -> set[tuple[str, str]]:
    """Return the columns that a column of a SQL model is made from: fqns of tables, and names.

    SQLMesh's own `column_dependencies` takes the context's default catalog, which is not that of
    models on another gateway.
    """
    found = set()
    quoted = exp.column(column, quoted=True)
    for node in lineage.lineage(quoted, model, trim_selects=False).walk():
        table = None if node.downstream else node.expression.find(exp.Table)
        if table:
            fqn = normalize_model_name(table, model.default_catalog, model.dialect)
            found.add((fqn, exp.to_column(node.name).name))
    return found
