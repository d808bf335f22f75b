"""A SQLMesh project -> the records of `records.py`, without state, warehouse or analytics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlmesh import Context
from sqlmesh.core.config import DuckDBConnectionConfig
from sqlmesh.core.model import Model as SQLMeshModel
from sqlmesh.core.model import SqlModel, ViewKind
from sqlmesh.utils.errors import SQLMeshError

from dg_sqlmesh_codegen.errors import ProjectError

from . import compat, dbt_profiles, selection, unset_variables
from .column_lineage import ColumnLineage
from .load import loaded, names
from .records import (
    Audit,
    AuditUse,
    Column,
    ExternalTable,
    Model,
    ModelKind,
    Project,
    Selectors,
    Source,
    StandaloneAudit,
    TableName,
)
from .source_lines import line_of

if TYPE_CHECKING:
    from sqlglot.expressions import Expr
    from sqlmesh.core.audit import Audit as SQLMeshAudit


def inspect(source: Source, sqlmesh_cache: Path | None = None) -> Project:
    """Load SQLMesh projects and describe them.

    Args:
        source: the project folders. SQLMesh loads several together, as with several `-p` options.
        sqlmesh_cache: folder for SQLMesh's cache of parsed models; None is a new one.

    Returns:
        The project's models, standalone audits and the tables they read.

    Raises:
        UsageError: the gateway is not in the project's configuration.
        ProjectError: SQLMesh cannot load the project, or it holds no models.
    """
    source = source.absolute()
    with (
        dbt_profiles.placeholders(source.paths) as made,
        loaded(source, sqlmesh_cache) as (context, warnings),
    ):
        dbt_profiles.require_names(context.models.values(), made)
        return _describe(source, context, [*warnings])


def _describe(source: Source, context: Context, warnings: list[str]) -> Project:
    # SQLMesh never evaluates EXTERNAL and EMBEDDED models.
    evaluated = [model for model in context.models.values() if not model.kind.is_symbolic]
    if not evaluated:
        raise ProjectError(
            f"no models in {names(source.paths)}",
            hint="Add one under models/, or name the folder of the project that has them.",
        )
    selected = selection.of_package(context, source.selectors)
    jobs = selection.of_jobs(context, source.jobs, selected)
    held = [model for model in evaluated if model.fqn in selected]
    warnings += _in_memory(context)
    # A model that the package does not hold is no reason for a warning.
    models = [
        _model(model, context, source, warnings if model.fqn in selected else [])
        for model in evaluated
    ]
    if source.column_lineage:
        lineage = ColumnLineage(context.models)
        models = [
            lineage.added(each, warnings) if each.fqn in selected else each for each in models
        ]
    audits = _standalone_audits(context)
    return Project(
        paths=source.paths,
        sqlmesh_version=compat.VERSION,
        models=tuple(sorted(models, key=lambda model: model.fqn)),
        external_tables=_external_tables(models, audits, context),
        standalone_audits=audits,
        warnings=tuple(warnings),
        unset_variables=tuple(unset_variables.messages(source.paths, held)),
        selected=selected if source.selectors != Selectors() else None,
        jobs=jobs,
    )


def _in_memory(context: Context) -> list[str]:
    """Return a warning if the selected gateway's DuckDB ends with the process that opens it."""
    connection = context.connection_config
    if not isinstance(connection, DuckDBConnectionConfig):
        return []
    options = (connection.catalogs or {}).values()
    paths = [connection.database, *(getattr(each, "path", each) for each in options)]
    if any(path not in (None, "", ":memory:") for path in paths):
        return []
    return [
        f"The DuckDB database of gateway {context.selected_gateway!r} is in memory: a run in "
        "another process has none of its tables. Set `database` of its connection to a file."
    ]


def _model(model: SQLMeshModel, context: Context, source: Source, warnings: list[str]) -> Model:
    sql = model if isinstance(model, SqlModel) else None
    path = compat.source_path(model)
    return Model(
        fqn=model.fqn,
        table=TableName.of(model.fqn),
        kind=ModelKind(model.kind.name),
        dialect=_dialect(model.dialect),
        engine=context.engine_adapters[model.gateway or context.selected_gateway].dialect,
        cron=model.cron,
        cron_tz=model.cron_tz.key if model.cron_tz else None,
        data_hash=model.data_hash,
        depends_on=_reads(model.depends_on or (), context, model.fqn),
        description=model.description or None,
        owner=model.owner or None,
        tags=tuple(model.tags),
        columns=_columns(model, warnings),
        # SQLMesh never runs an audit with `skip`.
        audits=tuple(_use(use, model) for use in model.audits_with_args if not use[0].skip),
        query=_query(sql) if sql else None,
        rendered_query=_rendered(sql) if sql and source.rendered_queries else None,
        partitioned_by=_sql(model.partitioned_by, model),
        clustered_by=_sql(model.clustered_by, model),
        grains=_sql(model.grains, model),
        start=None if model.start is None else str(model.start),
        end=None if model.end is None else str(model.end),
        gateway=model.gateway,
        signals=tuple(name for name, _ in model.signals),
        forward_only=model.forward_only,
        materialized_view=isinstance(model.kind, ViewKind) and model.kind.materialized,
        source=path,
        source_line=line_of(path, model.view_name),
        auto_restatement_cron=None if model.disable_restatement else model.auto_restatement_cron,
    )


def _reads(depends_on: Iterable[str], context: Context, reader: str = "") -> tuple[str, ...]:
    """Return the fqns that a model reads. An embedded model is replaced by those that it reads."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = list(depends_on)
    while waiting:
        fqn = waiting.pop()
        upstream = context.models.get(fqn)
        if upstream is None or not upstream.kind.is_embedded:
            found.add(fqn)
        elif fqn not in seen:
            seen.add(fqn)
            waiting.extend(upstream.depends_on or ())
    return tuple(sorted(found - {reader}))


def _columns(model: SQLMeshModel, warnings: list[str]) -> tuple[Column, ...]:
    try:
        types = model.columns_to_types
    except (SQLMeshError, SqlglotError) as error:
        warnings.append(f"{model.name}: columns are unknown, {' '.join(str(error).split())}")
        return ()
    descriptions = model.column_descriptions or {}
    return tuple(
        Column(name, _type(type_, model.dialect), descriptions.get(name) or None)
        for name, type_ in (types or {}).items()
    )


@cache  # SQLGlot needs most of a millisecond
def _type(type_: exp.DataType, dialect: str) -> str | None:
    return None if type_.this == exp.DataType.Type.UNKNOWN else type_.sql(dialect=dialect)


def _use(use: tuple[SQLMeshAudit, Mapping[str, Expr]], model: SQLMeshModel) -> AuditUse:
    audit, arguments = use
    # In SQLMesh, an argument `blocking` overrides the audit's own setting.
    blocking = arguments.get("blocking")
    return AuditUse(
        _audit(audit),
        args=tuple(
            (name, value.sql(dialect=model.dialect))
            for name, value in arguments.items()
            if name != "blocking"
        ),
        blocking=blocking == exp.true() if blocking else audit.blocking,
    )


def _audit(audit: SQLMeshAudit) -> Audit:
    # SQLMesh does not allow a blocking standalone audit.
    return Audit(
        name=audit.name,
        dialect=_dialect(audit.dialect),
        query=compat.query_text(audit).strip(),
        blocking=audit.blocking and not audit.standalone,
        standalone=audit.standalone,
    )


def _dialect(text: str) -> str:
    """Return the name of a dialect without settings: `duckdb, normalization_strategy = ...`."""
    return text.partition(",")[0].strip()


def _query(model: SqlModel) -> str | None:
    """Return a query's text; of a Python model that returns SQL, the SQL that it returns."""
    is_macro = isinstance(model.query, compat.MacroFunc)
    return _rendered(model) if is_macro else compat.query_text(model)


def _rendered(model: SqlModel) -> str | None:
    """Return a query without macros, for an interval at the epoch as in `sqlmesh render`."""
    try:
        rendered = model.render_query()
    except (SQLMeshError, SqlglotError):
        return None  # `_columns` warns
    return rendered.sql(dialect=model.dialect, pretty=True) if rendered else None


def _sql(expressions: Sequence[Expr], model: SQLMeshModel) -> tuple[str, ...]:
    return tuple(
        # Before 0.236, `(id)` in parentheses.
        expression.unnest().transform(_unquoted).sql(dialect=model.dialect)
        for expression in expressions
        # SQLMesh leaves `@{variable}` in the grain of a Python model, and forgets the variable.
        if not any(
            "@" in each.name and not each.quoted for each in expression.find_all(exp.Identifier)
        )
    )


def _unquoted(node: Expr) -> Expr:
    """Drop the quotes that SQLMesh adds to names in `clustered_by` and `partitioned_by`."""
    if isinstance(node, exp.Identifier) and node.name.isidentifier():
        is_plain = node.name in (node.name.lower(), node.name.upper())
        return exp.to_identifier(node.name, quoted=not is_plain)
    return node


def _standalone_audits(context: Context) -> tuple[StandaloneAudit, ...]:
    return tuple(
        StandaloneAudit(
            _audit(audit),
            reads=_reads(audit.depends_on, context),
            cron=audit.cron,
            cron_tz=audit.cron_tz.key if audit.cron_tz else None,
        )
        for _, audit in sorted(context.standalone_audits.items())
        if not audit.skip
    )


def _external_tables(
    models: Sequence[Model], audits: Sequence[StandaloneAudit], context: Context
) -> tuple[ExternalTable, ...]:
    """Return the tables that models or audits read and that SQLMesh does not evaluate."""
    known = {model.fqn for model in models}
    read = {fqn for model in models for fqn in model.depends_on}
    read.update(fqn for audit in audits for fqn in audit.reads)
    found = []
    for fqn in sorted(read - known):
        table, described = TableName.of(fqn), context.models.get(fqn)
        description = described.description or None if described else None
        columns = _columns(described, []) if described else ()
        found.append(ExternalTable(fqn, table, described is not None, description, columns))
    return tuple(found)
