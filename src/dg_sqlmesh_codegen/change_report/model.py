"""Records: the graph of a generated package, and the difference between two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePosixPath
from typing import Generic, TypeVar

from dg_sqlmesh_codegen.dagster_names import AssetKey

# The text of each Python file, by its path relative to the package's folder.
PackageFiles = Mapping[PurePosixPath, str]


@dataclass(frozen=True, slots=True, order=True)
class Property:
    """A named value of an asset or of `definitions.py`.

    `values` has one item for each member of a list, set or dict, one for any other value, and none
    for None.
    """

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParsedColumn:
    """A column of an asset's schema."""

    name: str
    type: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedAudit:
    """One use of an audit on a model, and its asset check.

    `check` is the check's name. `blocking` is None if the package does not tell. `also_reads` are
    the additional assets that the check of a standalone audit depends on.
    """

    name: str
    args: tuple[tuple[str, str], ...]
    check: str
    blocking: bool | None = None
    standalone: bool = False
    query: str | None = None
    also_reads: tuple[AssetKey, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedSchedule:
    """A schedule: its crons and their time zone."""

    name: str
    crons: tuple[str, ...]
    timezone: str


@dataclass(frozen=True, slots=True)
class ParsedAsset:
    """A model or an external table (`external`) as the package defines it.

    `path` is its module. `properties`, sorted by name, are all values without a field of their own,
    so that values which only another version of this tool writes are compared too.
    """

    key: AssetKey
    fqn: str
    path: PurePosixPath
    code_version: str | None = None
    deps: tuple[AssetKey, ...] = ()
    query: str | None = None
    columns: tuple[ParsedColumn, ...] = ()
    audits: tuple[ParsedAudit, ...] = ()
    properties: tuple[Property, ...] = ()
    external: bool = False

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values of a property; an empty tuple if the asset does not have it."""
        return next((each.values for each in self.properties if each.name == name), ())

    def value(self, name: str) -> str | None:
        """Return the first value of a property; None if it has none."""
        return next(iter(self.values(name)), None)


@dataclass(frozen=True, slots=True, order=True)
class UnreadFile:
    """A file that cannot be read on one side ("old" or "new"), with the reason in one line."""

    path: PurePosixPath
    side: str
    reason: str


@dataclass(frozen=True, slots=True)
class Graph:
    """A package's assets by key, and what `definitions.py` contains.

    `settings` are those of the resource, the op, the job and the package. Everything is sorted.
    """

    assets: Mapping[AssetKey, ParsedAsset] = field(default_factory=dict)
    schedules: tuple[ParsedSchedule, ...] = ()
    settings: tuple[Property, ...] = ()
    unread: tuple[UnreadFile, ...] = ()


class RenameReason(Enum):
    """Why a removed asset and an added one are probably the same model."""

    SAME_MODEL = "same_model"
    SAME_CODE = "same_code"
    SAME_QUERY = "same_query"
    SAME_NAME = "same_name"


class Cause(Enum):
    """Why a code version (SQLMesh's `data_hash` without the parents) differs, as literals show."""

    QUERY = "query"
    DEFINITION = "definition"
    PYTHON = "python"
    SEED = "seed"
    MACRO = "macro"
    UNSEEN = "unseen"

    @property
    def directly(self) -> bool:
        """Whether the model's own definition changed, not something that it uses."""
        return self not in (Cause.MACRO, Cause.UNSEEN)


@dataclass(frozen=True, slots=True)
class CodeChange:
    """A code version that differs; `names` are the properties or macros that explain it."""

    old: str | None
    new: str | None
    cause: Cause
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """A property whose values differ; a side without the property has no values."""

    name: str
    old: tuple[str, ...]
    new: tuple[str, ...]


Item = TypeVar("Item", bound=ParsedColumn | ParsedAudit | ParsedSchedule)


@dataclass(frozen=True, slots=True)
class Difference(Generic[Item]):
    """Something that was added (`old` is None), removed (`new` is None) or changed."""

    old: Item | None
    new: Item | None

    @property
    def name(self) -> str:
        """The new name; the old one if the item was removed."""
        return next((item.name for item in (self.new, self.old) if item), "")


ColumnChange = Difference[ParsedColumn]
AuditChange = Difference[ParsedAudit]
ScheduleChange = Difference[ParsedSchedule]


def is_description(change: ColumnChange) -> bool:
    """Return whether only the column's description changed, not the table's schema."""
    return bool(change.old and change.new and change.old.type == change.new.type)


@dataclass(frozen=True, slots=True)
class AssetChange:
    """An asset of both packages that differs. A renamed asset has two keys."""

    old: ParsedAsset
    new: ParsedAsset
    code: CodeChange | None = None
    columns: tuple[ColumnChange, ...] = ()
    audits: tuple[AuditChange, ...] = ()
    properties: tuple[PropertyChange, ...] = ()

    @property
    def schema(self) -> tuple[ColumnChange, ...]:
        """The columns that were added, removed or have another type."""
        return tuple(column for column in self.columns if not is_description(column))


@dataclass(frozen=True, slots=True)
class Rename:
    """An asset with a new key. Dagster does not connect the two keys."""

    old: ParsedAsset
    new: ParsedAsset
    reason: RenameReason


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """A dependency of an asset on another asset or on an external table."""

    upstream: AssetKey
    downstream: AssetKey


@dataclass(frozen=True, slots=True)
class Summary:
    """The difference between two packages; everything is sorted.

    Edges use the new key of a renamed asset on both sides: a rename alone changes no edge.
    `neighbours` are the unchanged edges at changed assets. `notes` are the files that were not
    compared. `files` counts the generated files whose text differs, even if the graph does not.
    """

    added: tuple[ParsedAsset, ...] = ()
    removed: tuple[ParsedAsset, ...] = ()
    renamed: tuple[Rename, ...] = ()
    changed: tuple[AssetChange, ...] = ()
    edges_added: tuple[Edge, ...] = ()
    edges_removed: tuple[Edge, ...] = ()
    neighbours: tuple[Edge, ...] = ()
    schedules: tuple[ScheduleChange, ...] = ()
    settings: tuple[PropertyChange, ...] = ()
    notes: tuple[UnreadFile, ...] = ()
    files: int = 0

    @property
    def marked(self) -> frozenset[AssetKey]:
        """The assets to draw: those whose edges, code, columns or audits changed.

        An asset with another description, owner or tag is not among them.
        """
        assets = [*self.added, *self.removed, *(rename.new for rename in self.renamed)]
        assets += [each.new for each in self.changed if each.code or each.schema or each.audits]
        edges = (*self.edges_added, *self.edges_removed)
        return frozenset({asset.key for asset in assets} | {edge.downstream for edge in edges})

    @property
    def is_empty(self) -> bool:
        """Whether the graph is the same in both packages, as far as it can be read."""
        return self == Summary(neighbours=self.neighbours, notes=self.notes, files=self.files)
