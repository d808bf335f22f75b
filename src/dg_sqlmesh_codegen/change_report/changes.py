"""What a comparison of two packages finds, as frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath

from .model import Asset, Audit, Column, Key, Schedule


class Side(Enum):
    """Which of the two packages."""

    OLD = "old"
    NEW = "new"


class RenameReason(Enum):
    """Why a removed asset and an added one are taken for one model."""

    SAME_MODEL = "same SQLMesh model under another asset key"
    SAME_CODE = "same code under another name"
    SAME_QUERY = "same SQL under another name"
    SAME_NAME = "same name in another schema or catalog"


class Cause(Enum):
    """Why a code version differs, as far as the literals tell.

    The code version is SQLMesh's `data_hash` of the model alone: its query's text before macros
    are rendered, its Python code and that of its macros, its kind and what else shapes the table.
    What its parents are does not enter it.
    """

    QUERY = "query"
    DEFINITION = "definition"
    PYTHON = "python"
    SEED = "seed"
    MACRO = "macro"
    UNSEEN = "unseen"

    @property
    def directly(self) -> bool:
        """Whether the model's own definition changed, as opposed to what it calls."""
        return self not in (Cause.MACRO, Cause.UNSEEN)


@dataclass(frozen=True, slots=True)
class CodeChange:
    """A code version that differs; `names` are the properties or the macros behind it."""

    old: str | None
    new: str | None
    cause: Cause
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """A property whose values differ; none on a side where it is not there."""

    name: str
    old: tuple[str, ...]
    new: tuple[str, ...]

    @property
    def added(self) -> tuple[str, ...]:
        """The members that are new."""
        return tuple(value for value in self.new if value not in self.old)

    @property
    def removed(self) -> tuple[str, ...]:
        """The members that are gone."""
        return tuple(value for value in self.old if value not in self.new)


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """A column that was added (`old` is None), removed (`new` is None) or changed."""

    old: Column | None
    new: Column | None

    @property
    def name(self) -> str:
        """The column's name."""
        return (self.new or self.old or Column("", "")).name

    @property
    def is_description(self) -> bool:
        """Whether the table's schema is the same, and only what is said of it differs."""
        return bool(self.old and self.new and self.old.type == self.new.type)


@dataclass(frozen=True, slots=True)
class AuditChange:
    """An audit that was added (`old` is None), removed (`new` is None) or changed."""

    old: Audit | None
    new: Audit | None


@dataclass(frozen=True, slots=True)
class AssetChange:
    """An asset that is in both packages (under another key, if it was renamed) and differs."""

    old: Asset
    new: Asset
    code: CodeChange | None = None
    columns: tuple[ColumnChange, ...] = ()
    audits: tuple[AuditChange, ...] = ()
    properties: tuple[PropertyChange, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether there is anything to say; edges are compared by themselves."""
        return bool(self.code or self.columns or self.audits or self.properties)

    @property
    def schema(self) -> tuple[ColumnChange, ...]:
        """The columns that were added, removed or have another type."""
        return tuple(column for column in self.columns if not column.is_description)


@dataclass(frozen=True, slots=True)
class Rename:
    """An asset that has another key: Dagster does not connect the two."""

    old: Asset
    new: Asset
    reason: RenameReason


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """A dependency between two assets, or of an asset on an external table."""

    upstream: Key
    downstream: Key


@dataclass(frozen=True, slots=True)
class ScheduleChange:
    """A schedule that was added (`old` is None), removed (`new` is None) or changed."""

    old: Schedule | None
    new: Schedule | None

    @property
    def name(self) -> str:
        """The schedule's name."""
        return (self.new or self.old or Schedule("", (), "")).name


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """A file of one side that could not be read, and so was not compared."""

    path: PurePosixPath
    side: str
    reason: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The difference between two packages; everything is sorted.

    Edges name renamed assets by their new key on both sides, so that a rename is not a removed and
    an added edge for everyone around it. `neighbours` are the edges that did not change at assets
    that did. `files` counts the generated files whose text differs, whatever the graph says.
    """

    added: tuple[Asset, ...] = ()
    removed: tuple[Asset, ...] = ()
    renamed: tuple[Rename, ...] = ()
    changed: tuple[AssetChange, ...] = ()
    edges_added: tuple[Edge, ...] = ()
    edges_removed: tuple[Edge, ...] = ()
    neighbours: tuple[Edge, ...] = ()
    schedules: tuple[ScheduleChange, ...] = ()
    settings: tuple[PropertyChange, ...] = ()
    notes: tuple[Note, ...] = ()
    files: int = 0

    @property
    def marked(self) -> frozenset[Key]:
        """The assets whose place in the graph, code or audits changed: those of the picture.

        What only has another description, owner or tag is the same graph.
        """
        assets = [*self.added, *self.removed, *(rename.new for rename in self.renamed)]
        assets += [each.new for each in self.changed if each.code or each.schema or each.audits]
        edges = (*self.edges_added, *self.edges_removed)
        return frozenset({asset.key for asset in assets} | {edge.downstream for edge in edges})

    @property
    def is_empty(self) -> bool:
        """Whether the graph, as far as it could be read, is the same in both."""
        return not (
            self.added
            or self.removed
            or self.renamed
            or self.changed
            or self.edges_added
            or self.edges_removed
            or self.schedules
            or self.settings
        )
