"""Records with defaults, so that a test says only what it is about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.sqlmesh_project.records import (
    Audit,
    AuditUse,
    ExternalTable,
    Model,
    ModelKind,
    Project,
    StandaloneAudit,
    TableName,
)
from dg_sqlmesh_codegen.translation.apply import Translation
from dg_sqlmesh_codegen.translation.translator import SQLMeshTranslator


def table(name: str) -> TableName:
    """Return the parts of `catalog.schema.name` or `schema.name`."""
    *catalog, schema, view = name.split(".")
    return TableName(catalog[0] if catalog else None, schema, view)


def fqn(name: str) -> str:
    """Return the name as SQLMesh quotes it: `"catalog"."schema"."name"`."""
    return ".".join(f'"{part}"' for part in name.split("."))


def model(name: str = "shop.sales.orders", *, kind: str = "FULL", **fields: object) -> Model:
    """Return a daily DuckDB table of that name; `fields` are those of `Model`."""
    plain = Model(
        fqn=fqn(name),
        table=table(name),
        kind=ModelKind(kind),
        dialect="duckdb",
        engine="duckdb",
        cron="@daily",
        cron_tz=None,
        data_hash="1234567890",
    )
    return replace(plain, **fields)  # type: ignore[arg-type]


def audit(
    name: str = "not_null",
    *,
    blocking: bool = True,
    query: str = "SELECT * FROM @this_model",
    **args: str,
) -> AuditUse:
    """Return one use of a blocking audit; the other keyword arguments are the use's own."""
    return AuditUse(Audit(name, "duckdb", query), tuple(args.items()), blocking)


def standalone(name: str, *reads: str, cron: str = "@daily") -> StandaloneAudit:
    """Return a standalone audit that reads the models and tables of these names."""
    made = replace(audit(name).audit, blocking=False, standalone=True)
    return StandaloneAudit(made, tuple(fqn(read) for read in sorted(reads)), cron)


def external(name: str) -> ExternalTable:
    """Return a table of that name that no model writes."""
    return ExternalTable(fqn(name), table(name))


def project(
    *models: Model,
    external_tables: tuple[ExternalTable, ...] = (),
    standalone_audits: tuple[StandaloneAudit, ...] = (),
    paths: tuple[Path, ...] = (),
) -> Project:
    """Return a project of these models, sorted the way the inspector sorts them."""
    return Project(
        paths=paths or (Path("/project"),),
        sqlmesh_version="0.0.0",
        models=tuple(sorted(models, key=lambda model: model.fqn)),
        external_tables=external_tables,
        standalone_audits=standalone_audits,
    )


def translation(
    described: Project, translator: SQLMeshTranslator | None = None, **config: object
) -> Translation:
    """Return what a translator and the given keys of the configuration say of a project."""
    path = f"own:{type(translator).__name__}" if translator else None
    made = Config((Path("/"),), Path("/no/where/defs"), translator=path, **config)  # type: ignore[arg-type]
    return Translation.of(made, described, translator or SQLMeshTranslator())
