"""Records: the graph of a generated package, and the difference between two of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePosixPath

from dg_sqlmesh_codegen.dagster_names import AssetKey

# The text of each Python file, by its path relative to the package's folder.
PackageFiles = Mapping[PurePosixPath, str]
# Values by name: a text for each member of a list, set or dict, one for anything else, none for
# None.
Properties = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ParsedAsset:
    """A model or an external table (`external`) as the package defines it.

    `path` is its module. `columns` have their type, and `audits`, named after the audit with its
    arguments, whether they block, the check's name, the query, and what a standalone audit reads
    besides. `properties` are all other values, so that values which only another version of this
    tool writes are compared too.
    """

    key: AssetKey
    fqn: str
    path: PurePosixPath
    code_version: str | None = None
    deps: tuple[AssetKey, ...] = ()
    query: str | None = None
    columns: Properties = field(default_factory=dict)
    audits: Properties = field(default_factory=dict)
    properties: Properties = field(default_factory=dict)
    external: bool = False

    def value(self, name: str) -> str | None:
        """Return the first text of a property; None if it has none."""
        return next(iter(self.properties.get(name, ())), None)


@dataclass(frozen=True, slots=True, order=True)
class UnreadFile:
    """A file that cannot be read on one side ("old" or "new"), with the reason in one line."""

    path: PurePosixPath
    side: str
    reason: str


@dataclass(frozen=True, slots=True)
class Graph:
    """A package's assets by key, and what `definitions.py` contains.

    `schedules` have their crons and their time zone. `settings` are those of the resource, the op,
    the job and the package.
    """

    assets: Mapping[AssetKey, ParsedAsset] = field(default_factory=dict)
    schedules: Properties = field(default_factory=dict)
    settings: Properties = field(default_factory=dict)
    unread: tuple[UnreadFile, ...] = ()


class RenameReason(Enum):
    """What a removed asset and an added one have in common, and no other asset."""

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
    UPGRADE = "upgrade"

    @property
    def directly(self) -> bool:
        """Whether the model's own definition changed, not something that it uses."""
        return self not in (Cause.MACRO, Cause.UNSEEN, Cause.UPGRADE)


@dataclass(frozen=True, slots=True)
class CodeChange:
    """A code version that differs.

    `names` are the properties, the macros or the versions of SQLMesh that explain it.
    """

    old: str | None
    new: str | None
    cause: Cause
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A property, column, audit or schedule that differs; a side without it has no values."""

    name: str
    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AssetChange:
    """An asset of both packages that differs. A renamed asset has two keys."""

    old: ParsedAsset
    new: ParsedAsset
    code: CodeChange | None = None
    columns: tuple[Change, ...] = ()
    audits: tuple[Change, ...] = ()
    properties: tuple[Change, ...] = ()

    @property
    def edited(self) -> bool:
        """Whether the code version differs, and not by an upgrade of SQLMesh."""
        return self.code is not None and self.code.cause is not Cause.UPGRADE


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
    compared.
    """

    added: tuple[ParsedAsset, ...] = ()
    removed: tuple[ParsedAsset, ...] = ()
    renamed: tuple[Rename, ...] = ()
    changed: tuple[AssetChange, ...] = ()
    edges_added: tuple[Edge, ...] = ()
    edges_removed: tuple[Edge, ...] = ()
    neighbours: tuple[Edge, ...] = ()
    schedules: tuple[Change, ...] = ()
    settings: tuple[Change, ...] = ()
    notes: tuple[UnreadFile, ...] = ()

    @property
    def marked(self) -> frozenset[AssetKey]:
        """The assets to draw: those whose edges, code, columns or audits changed.

        An asset with another description, owner or tag is not among them, nor one that another
        SQLMesh gives another code version.
        """
        assets = [*self.added, *self.removed, *(rename.new for rename in self.renamed)]
        assets += [each.new for each in self.changed if each.edited or each.columns or each.audits]
        edges = (*self.edges_added, *self.edges_removed)
        return frozenset({asset.key for asset in assets} | {edge.downstream for edge in edges})

    @property
    def is_empty(self) -> bool:
        """Whether the graph is the same in both packages, as far as it can be read."""
        return self == Summary(neighbours=self.neighbours, notes=self.notes)
