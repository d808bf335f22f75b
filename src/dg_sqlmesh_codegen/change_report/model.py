"""The graph of a generated package, as its literals say it: all that a summary compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

Key = tuple[str, ...]
Package = Mapping[PurePosixPath, str]


def user_string(key: Key) -> str:
    """Return an asset key the way Dagster's UI writes it: parts joined by `/`."""
    return "/".join(key)


@dataclass(frozen=True, slots=True, order=True)
class Property:
    """A named value of an asset, or of `definitions.py`.

    A list, set or dict keeps its members apart, so that a comparison can say which one is new; a
    single value has one member, and None has none.
    """

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an asset's schema."""

    name: str
    type: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Audit:
    """One use of an audit on a model; `check` is the name of the asset check that stands for it.

    `blocking` is None where the package does not say; `also_reads` are the assets that the check
    of a standalone audit depends on besides its own.
    """

    name: str
    args: tuple[tuple[str, str], ...]
    check: str
    blocking: bool | None = None
    standalone: bool = False
    query: str | None = None
    also_reads: tuple[Key, ...] = ()

    @property
    def use(self) -> tuple[object, ...]:
        """What tells this use of the audit from others on the same model."""
        return (self.name, self.args, self.standalone)


@dataclass(frozen=True, slots=True)
class Asset:
    """A model as the package defines it, or an external table (`external`) that has an asset.

    `path` is its module; `properties` holds whatever has no field of its own, sorted by name, so
    that what a newer or older version of this tool writes is compared all the same.
    """

    key: Key
    fqn: str
    path: PurePosixPath
    code_version: str | None = None
    deps: tuple[Key, ...] = ()
    query: str | None = None
    columns: tuple[Column, ...] = ()
    audits: tuple[Audit, ...] = ()
    properties: tuple[Property, ...] = ()
    external: bool = False

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values of a property; none where the package does not have it."""
        return next((each.values for each in self.properties if each.name == name), ())

    def value(self, name: str) -> str | None:
        """Return the value of a property that has one."""
        return next(iter(self.values(name)), None)

    @property
    def kind(self) -> str | None:
        """SQLMesh's kind of the model: FULL, VIEW, SEED ..."""
        return self.value("sqlmesh/kind")

    @property
    def group(self) -> str | None:
        """The asset's group."""
        return self.value("group_name")

    @property
    def owners(self) -> tuple[str, ...]:
        """The asset's owners, as Dagster writes them."""
        return self.values("owners")

    @property
    def tags(self) -> tuple[str, ...]:
        """The asset's tags, each as `key=value`."""
        return self.values("tags")

    @property
    def table_name(self) -> str | None:
        """The table that the model writes."""
        return self.value("dagster/table_name")

    @property
    def source(self) -> str | None:
        """The file that defines the model, relative to the package's folder."""
        return self.value("sqlmesh/source")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule: its crons and the time zone they are in."""

    name: str
    crons: tuple[str, ...]
    timezone: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that could not be read, in one line; what it defines is not compared."""

    path: PurePosixPath
    reason: str


@dataclass(frozen=True, slots=True)
class Definitions:
    """What `definitions.py` says: schedules, and the settings of resource, op, job and package."""

    schedules: tuple[Schedule, ...] = ()
    settings: tuple[Property, ...] = ()


@dataclass(frozen=True, slots=True)
class Graph:
    """A package's graph; `definitions` is None where `definitions.py` cannot be read.

    Assets are sorted by key, `unread` by path.
    """

    assets: tuple[Asset, ...] = ()
    definitions: Definitions | None = Definitions()
    unread: tuple[Unread, ...] = ()
