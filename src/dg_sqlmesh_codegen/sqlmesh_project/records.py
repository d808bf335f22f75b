"""A SQLMesh project as frozen records: all that the stages after the inspector know of it.

Names and attribute names follow SQLMesh's own models (`fqn`, `view_name`, `schema_name`), so that
a translator written for SQLMesh's objects finds the same attributes here. No SQLMesh import.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# In `default_catalogs`: every gateway whose connection names no catalog.
ANY_GATEWAY = "*"
_FQN_PART = re.compile(r'"((?:[^"]|"")*)"|([^."]+)')


@dataclass(frozen=True, slots=True)
class Source:
    """What to load: project folders, and with which of their gateways and configurations.

    `default_catalogs` maps a gateway to its catalog, where only the warehouse could tell it;
    `ANY_GATEWAY` stands for every such gateway.
    """

    paths: tuple[Path, ...]
    gateway: str | None = None
    config_name: str | None = None
    default_catalogs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableName:
    """The unquoted parts of a SQLMesh fqn; `catalog` is None on engines without catalogs."""

    catalog: str | None
    schema_name: str
    view_name: str

    @classmethod
    def of(cls, fqn: str) -> TableName:
        """Read SQLMesh's quoted name, or a plain one: parts between dots, `""` for a quote."""
        parts = [
            match[1].replace('""', '"') if match[2] is None else match[2]
            for match in _FQN_PART.finditer(fqn)
        ]
        *catalog, schema, view = ["", *parts] if len(parts) == 1 else parts
        return cls(".".join(catalog) or None, schema, view)

    @property
    def parts(self) -> tuple[str, ...]:
        """Catalog (where there is one), schema and name."""
        parts = (self.catalog, self.schema_name, self.view_name)
        return tuple(part for part in parts if part)

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a model; `type` is in the model's dialect, None where SQLMesh cannot tell."""

    name: str
    type: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Audit:
    """One use of an audit on a model.

    `args` are the use's arguments as SQL text, by name in the order written, without `blocking`,
    which SQLMesh takes out of them before it renders the audit.
    """

    name: str
    args: tuple[tuple[str, str], ...]
    blocking: bool
    dialect: str
    query: str
    standalone: bool = False


@dataclass(frozen=True, slots=True)
class StandaloneAudit:
    """An audit that is a node of its own: it reads several models and has a cron.

    `reads` holds fqns like a model's `depends_on`.
    """

    audit: Audit
    reads: tuple[str, ...]
    cron: str
    cron_tz: str | None = None

    def __str__(self) -> str:
        return f"standalone audit {self.audit.name}"


class ModelKind(str):
    """A kind's name, `INCREMENTAL_BY_TIME_RANGE`; SQLMesh's own kinds have it as `name`."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name itself."""
        return str(self)


@dataclass(frozen=True, slots=True)
class Model:
    """A model that SQLMesh evaluates: everything but EXTERNAL and EMBEDDED ones.

    `fqn` is SQLMesh's quoted name; `depends_on` holds fqns of models and external tables, with
    embedded models replaced by what they read, and never the model itself. `source` is the
    absolute path of the file that defines it.
    """

    fqn: str
    table: TableName
    kind: ModelKind
    dialect: str
    cron: str
    cron_tz: str | None
    data_hash: str
    depends_on: tuple[str, ...] = ()
    description: str | None = None
    owner: str | None = None
    tags: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    audits: tuple[Audit, ...] = ()
    query: str | None = None
    partitioned_by: tuple[str, ...] = ()
    clustered_by: tuple[str, ...] = ()
    grains: tuple[str, ...] = ()
    start: str | None = None
    gateway: str | None = None
    signals: tuple[str, ...] = ()
    forward_only: bool = False
    materialized_view: bool = False
    source: Path | None = None

    def __str__(self) -> str:
        return f"model {self.name}"

    @property
    def name(self) -> str:
        """The name without quotes: `catalog.schema.name`."""
        return str(self.table)

    @property
    def catalog(self) -> str | None:
        """The catalog, None on engines without catalogs."""
        return self.table.catalog

    @property
    def schema_name(self) -> str:
        """The schema."""
        return self.table.schema_name

    @property
    def view_name(self) -> str:
        """The name within the schema."""
        return self.table.view_name

    @property
    def columns_to_types(self) -> Mapping[str, str | None]:
        """The columns' types by name."""
        return {column.name: column.type for column in self.columns}

    @property
    def column_descriptions(self) -> Mapping[str, str]:
        """The columns' descriptions by name, of those that have one."""
        return {each.name: each.description for each in self.columns if each.description}

    @property
    def is_seed(self) -> bool:
        """Whether a plan evaluates it and a later run never does (SQLMesh: SEED models)."""
        return self.kind == "SEED"


@dataclass(frozen=True, slots=True)
class ExternalTable:
    """A table that models read and no model writes.

    `described` tells whether the project says what it holds, in external_models.yaml; description
    and columns are from there.
    """

    fqn: str
    table: TableName
    described: bool = False
    description: str | None = None
    columns: tuple[Column, ...] = ()

    def __str__(self) -> str:
        return f"the external table {self.table}"


@dataclass(frozen=True, slots=True)
class Project:
    """What one inspection found; models and external tables are sorted by fqn.

    `paths` are the absolute project folders as given; `notes` say what had to be left out.
    """

    paths: tuple[Path, ...]
    sqlmesh_version: str
    models: tuple[Model, ...]
    external_tables: tuple[ExternalTable, ...] = ()
    standalone_audits: tuple[StandaloneAudit, ...] = ()
    notes: tuple[str, ...] = ()
