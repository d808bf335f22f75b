"""A SQLMesh project as frozen records, without an import of SQLMesh.

The attribute names are those of SQLMesh's models (`fqn`, `view_name`, `schema_name`), so that a
translator that was written for SQLMesh's objects finds the same attributes here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

# In `default_catalogs`: every gateway whose connection names no catalog.
ANY_GATEWAY = "*"
_FQN_PART = re.compile(r'"((?:[^"]|"")*)"|([^."]+)')


@dataclass(frozen=True, slots=True)
class Selectors:
    """SQLMesh's selectors: what at least one of `select` names, or everything, less `exclude`."""

    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __str__(self) -> str:
        selected = " | ".join(self.select) or "everything"
        return f"{selected} without {' | '.join(self.exclude)}" if self.exclude else selected


@dataclass(frozen=True, slots=True)
class Source:
    """What to load: project folders, with a gateway and a configuration of theirs.

    `default_catalogs` maps a gateway to its catalog, where only the warehouse could tell it;
    `ANY_GATEWAY` stands for every such gateway. With `rendered_queries`, SQLMesh renders the query
    of each model, and with `column_lineage` it traces the columns of each SQL model. `selectors`
    say which models a package holds, and `jobs` which of these each job holds, by its name.
    """

    paths: tuple[Path, ...]
    gateway: str | None = None
    config_name: str | None = None
    default_catalogs: Mapping[str, str] = field(default_factory=dict)
    rendered_queries: bool = False
    column_lineage: bool = False
    selectors: Selectors = Selectors()
    jobs: Mapping[str, Selectors] = field(default_factory=dict)

    def absolute(self) -> Source:
        """Return it with absolute paths. A folder that is a link keeps the user's name."""
        return replace(self, paths=tuple(map(_absolute, self.paths)))


def _absolute(folder: Path) -> Path:
    if folder.name in {"", ".."}:
        return folder.resolve()
    return folder.parent.resolve() / folder.name


@dataclass(frozen=True, slots=True)
class TableName:
    """The unquoted parts of a SQLMesh fqn; `catalog` is None on engines without catalogs."""

    catalog: str | None
    schema_name: str
    view_name: str

    @classmethod
    def of(cls, fqn: str) -> TableName:
        """Parse a quoted or plain name: parts between dots, with `""` for a quote in a part."""
        parts = [
            match[1].replace('""', '"') if match[2] is None else match[2]
            for match in _FQN_PART.finditer(fqn)
        ]
        schema, view = ["", "", *parts][-2:]
        return cls(".".join(parts[:-2]) or None, schema, view)

    @property
    def parts(self) -> tuple[str, ...]:
        """Catalog (if there is one), schema and name."""
        parts = (self.catalog, self.schema_name, self.view_name)
        return tuple(part for part in parts if part)

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a model; `type` is in the model's dialect, None if SQLMesh does not know it.

    `reads` are the columns that it is made from, as pairs of a table's fqn and a name; empty
    without `Source.column_lineage`. The tables are among those in the model's `depends_on`.
    """

    name: str
    type: str | None = None
    description: str | None = None
    reads: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Audit:
    """An audit as the project or SQLMesh defines it. The dialect of a builtin one is empty."""

    name: str
    dialect: str
    query: str
    blocking: bool = True
    standalone: bool = False


@dataclass(frozen=True, slots=True)
class AuditUse:
    """One use of an audit on a model. `blocking` is the audit's own value or overrides it.

    `args` are its arguments as SQL text, by name in the order written, without `blocking`, which
    SQLMesh removes before it renders the audit.
    """

    audit: Audit
    args: tuple[tuple[str, str], ...] = ()
    blocking: bool = True


@dataclass(frozen=True, slots=True)
class StandaloneAudit:
    """An audit that is not part of a model: it may read several models and has a cron.

    `reads` are fqns like a model's `depends_on`.
    """

    audit: Audit
    reads: tuple[str, ...]
    cron: str
    cron_tz: str | None = None

    def __str__(self) -> str:
        return f"standalone audit {self.audit.name}"


class ModelKind(str):
    """The name of a kind, as in `INCREMENTAL_BY_TIME_RANGE`; SQLMesh's kinds have it as `name`."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name itself."""
        return str(self)


@dataclass(frozen=True, slots=True)
class Model:
    """A model that SQLMesh evaluates: any kind but EXTERNAL and EMBEDDED.

    `fqn` is SQLMesh's quoted name. `depends_on` are the fqns of the models and external tables that
    it reads, without the model itself; an embedded model is replaced by those that it reads.
    `dialect` is that of the model's file, `engine` that of the gateway that runs it. `source` is
    the absolute path of the file that defines the model, and `source_line` its line there. SQLMesh
    reads `auto_restatement_cron` in UTC, whatever `cron_tz` says.
    """

    fqn: str
    table: TableName
    kind: ModelKind
    dialect: str
    engine: str
    cron: str
    cron_tz: str | None
    data_hash: str
    depends_on: tuple[str, ...] = ()
    description: str | None = None
    owner: str | None = None
    tags: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    audits: tuple[AuditUse, ...] = ()
    query: str | None = None
    rendered_query: str | None = None
    partitioned_by: tuple[str, ...] = ()
    clustered_by: tuple[str, ...] = ()
    grains: tuple[str, ...] = ()
    start: str | None = None
    end: str | None = None
    gateway: str | None = None
    signals: tuple[str, ...] = ()
    forward_only: bool = False
    materialized_view: bool = False
    source: Path | None = None
    source_line: int | None = None
    auto_restatement_cron: str | None = None

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
    def is_seed(self) -> bool:
        """Whether it is a SEED model: SQLMesh evaluates it in a plan, never in a run."""
        return self.kind == "SEED"

    @property
    def is_python(self) -> bool:
        """Whether a Python function makes it."""
        return self.source is not None and self.source.suffix == ".py"


@dataclass(frozen=True, slots=True)
class ExternalTable:
    """A table that models read and no model writes.

    `described` tells whether external_models.yaml contains it, with its description and columns.
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
    """A loaded project; models and external tables are sorted by fqn.

    `paths` are the absolute project folders; `warnings` are those of SQLMesh, and what is missing.
    `unset_variables` says which SQLMesh variables are `None`, because the environment lacks theirs.
    `selected` are the fqns of the models that the package holds; None is all of them. `jobs` are
    those of each job. Neither changes a name: packages of one project have the same keys.
    """

    paths: tuple[Path, ...]
    sqlmesh_version: str
    models: tuple[Model, ...]
    external_tables: tuple[ExternalTable, ...] = ()
    standalone_audits: tuple[StandaloneAudit, ...] = ()
    warnings: tuple[str, ...] = ()
    unset_variables: tuple[str, ...] = ()
    selected: frozenset[str] | None = None
    jobs: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def holds(self, fqn: str) -> bool:
        """Return whether the package holds a model."""
        return self.selected is None or fqn in self.selected
