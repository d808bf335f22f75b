"""A SQLMesh project -> the records of `project.py`, without state, warehouse or analytics.

Together with `offline.py` the generator's only SQLMesh import.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlmesh import Context, __version__
from sqlmesh.core import analytics
from sqlmesh.core.audit import Audit as SQLMeshAudit
from sqlmesh.core.config import Config
from sqlmesh.core.model import Model as SQLMeshModel
from sqlmesh.core.model import SqlModel
from sqlmesh.utils.errors import SQLMeshError

from . import configs
from .errors import CodegenError, ProjectError, UsageError
from .offline import offline_configs
from .project import Audit, Column, ExternalTable, Model, Project, TableName


def inspect(
    paths: Sequence[Path],
    *,
    gateway: str | None = None,
    default_catalogs: Mapping[str | None, str] | None = None,
) -> Project:
    """Load SQLMesh projects and describe them.

    Args:
        paths: project folders; several are loaded together, as SQLMesh does with several paths.
        gateway: the gateway to load for; None is the project's default one.
        default_catalogs: catalog by gateway where only the warehouse could tell it; under None,
            for every such gateway.

    Returns:
        The project's models and the tables they read.

    Raises:
        UsageError: the gateway is not in the project's configuration.
        ProjectError: SQLMesh cannot load the project, or it holds no models.
    """
    analytics.disable_analytics()
    folders = tuple(path.resolve() for path in paths)
    # A project's .env file is read into the environment: not for longer than it is needed.
    with configs.environment({}):
        return _inspect(folders, gateway, default_catalogs or {})


def _inspect(
    folders: tuple[Path, ...], gateway: str | None, default_catalogs: Mapping[str | None, str]
) -> Project:
    context = _load(folders, gateway, default_catalogs)
    evaluated = [model for model in context.models.values() if not _is_symbolic(model)]
    if not evaluated:
        raise ProjectError(
            f"no models in {_names(folders)}",
            hint="Add one under models/, or name the folder of the project that has them.",
        )
    notes: list[str] = []
    models = [_model(model, context, notes) for model in evaluated]
    return Project(
        paths=folders,
        sqlmesh_version=__version__,
        models=tuple(sorted(models, key=lambda model: model.fqn)),
        external_tables=_external_tables(models),
        notes=tuple(sorted(notes)),
    )


def _load(
    folders: Sequence[Path], gateway: str | None, default_catalogs: Mapping[str | None, str]
) -> Context:
    with _as_project_error(folders):
        loaded = configs.load(folders)
    if gateway is not None:
        _require_gateway(loaded, gateway)
    with _as_project_error(folders):
        # `load_state=False`: a config with `project:` makes SQLMesh read its state while loading.
        context = Context(
            paths=list(folders),
            config=offline_configs(loaded, default_catalogs),
            gateway=gateway,
            load=False,
            load_state=False,
        )
        context.load()
    return context


def _require_gateway(loaded: Mapping[Path, Config], gateway: str) -> None:
    known = sorted({name for config in loaded.values() for name in config.gateways if name})
    if gateway.lower() not in known:
        raise UsageError(
            f"unknown gateway {gateway!r} in {_names(loaded)}",
            hint=f"The project has: {', '.join(known)}." if known else "The project names none.",
        )


@contextmanager
def _as_project_error(folders: Sequence[Path]) -> Iterator[None]:
    """Say in one line what SQLMesh, or a model's own code, has to say about the project."""
    try:
        yield
    except CodegenError:
        raise
    except Exception as error:
        # Loading runs the project's Python (config.py, models, macros), so anything can come.
        refused = _refused_connection(error)
        if refused:
            raise refused from error
        detail = str(error) if isinstance(error, SQLMeshError | SqlglotError) else repr(error)
        raise ProjectError(
            f"SQLMesh cannot load {_names(folders)}", detail=detail, hint=_hint(folders)
        ) from error


def _refused_connection(error: BaseException | None) -> CodegenError | None:
    while error is not None:
        if isinstance(error, CodegenError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _hint(folders: Sequence[Path]) -> str:
    arguments = " ".join(f"-p {folder}" for folder in folders)
    return f"`sqlmesh {arguments} info --skip-connection` shows it in full."


def _names(folders: Sequence[Path] | Mapping[Path, Any]) -> str:
    return ", ".join(folder.name for folder in folders)


def _is_symbolic(model: SQLMeshModel) -> bool:
    """EXTERNAL and EMBEDDED models: SQLMesh never evaluates them."""
    return bool(model.kind.is_symbolic)


def _model(model: SQLMeshModel, context: Context, notes: list[str]) -> Model:
    return Model(
        fqn=model.fqn,
        table=_table_name(model.fqn),
        kind=str(model.kind.name),
        dialect=model.dialect,
        cron=model.cron,
        cron_tz=model.cron_tz.key if model.cron_tz else None,
        data_hash=model.data_hash,
        depends_on=tuple(sorted(_depends_on(model, context))),
        description=model.description or None,
        owner=model.owner or None,
        tags=tuple(model.tags),
        columns=_columns(model, notes),
        audits=tuple(_audits(model)),
        query=model.query_.sql if isinstance(model, SqlModel) else None,
        partitioned_by=_sql(model.partitioned_by, model),
        clustered_by=_sql(model.clustered_by, model),
        grains=_sql(model.grains, model),
        start=None if model.start is None else str(model.start),
        source=model._path,
    )


def _table_name(fqn: str) -> TableName:
    table = exp.to_table(fqn)
    return TableName(table.catalog or None, table.db, table.name)


def _depends_on(model: SQLMeshModel, context: Context) -> set[str]:
    """Models and tables that the model reads; an embedded one is part of its readers' queries."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = list(model.depends_on or ())
    while waiting:
        fqn = waiting.pop()
        upstream = context.models.get(fqn)
        if upstream is None or not upstream.kind.is_embedded:
            found.add(fqn)
        elif fqn not in seen:
            seen.add(fqn)
            waiting.extend(upstream.depends_on or ())
    return found - {model.fqn}


def _columns(model: SQLMeshModel, notes: list[str]) -> tuple[Column, ...]:
    try:
        types = model.columns_to_types
    except (SQLMeshError, SqlglotError) as error:
        notes.append(f"{model.name}: columns are unknown, {' '.join(str(error).split())}")
        return ()
    descriptions = model.column_descriptions or {}
    return tuple(
        Column(name, _type(type_, model), descriptions.get(name) or None)
        for name, type_ in (types or {}).items()
    )


def _type(type_: exp.DataType, model: SQLMeshModel) -> str | None:
    if type_.is_type(exp.DataType.Type.UNKNOWN):
        return None
    return type_.sql(dialect=model.dialect)


def _audits(model: SQLMeshModel) -> Iterator[Audit]:
    for audit, arguments in model.audits_with_args:
        if not audit.skip:  # SQLMesh never runs it, so it never has a result
            yield _audit(audit, arguments, model)


def _audit(audit: SQLMeshAudit, arguments: Mapping[str, exp.Expr], model: SQLMeshModel) -> Audit:
    # SQLMesh lets an argument of that name overrule the audit's own flag.
    blocking = arguments.get("blocking")
    return Audit(
        name=audit.name,
        args=tuple(
            (name, value.sql(dialect=model.dialect))
            for name, value in arguments.items()
            if name != "blocking"
        ),
        blocking=blocking == exp.true() if blocking else audit.blocking,
        dialect=audit.dialect or model.dialect,
        query=audit.query_.sql.strip(),
    )


def _sql(expressions: Sequence[exp.Expr], model: SQLMeshModel) -> tuple[str, ...]:
    return tuple(expression.sql(dialect=model.dialect) for expression in expressions)


def _external_tables(models: Sequence[Model]) -> tuple[ExternalTable, ...]:
    """Whatever is read and is no model that SQLMesh evaluates, described in the project or not."""
    known = {model.fqn for model in models}
    read = {fqn for model in models for fqn in model.depends_on}
    return tuple(ExternalTable(fqn, _table_name(fqn)) for fqn in sorted(read - known))
