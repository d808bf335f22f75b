"""Which columns a column is made from, by SQLMesh's own lineage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from sqlglot.errors import SqlglotError
from sqlmesh.core.model import Model as SQLMeshModel
from sqlmesh.core.model import SqlModel
from sqlmesh.utils.errors import SQLMeshError

from . import compat
from .records import Model


@dataclass(frozen=True, slots=True)
class ColumnLineage:
    """The lineage of a loaded project; `models` are SQLMesh's, by fqn."""

    models: Mapping[str, SQLMeshModel]
    _known: dict[tuple[str, str], frozenset[tuple[str, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start without what another project left."""
        compat.forget_lineage()

    def added(self, model: Model, warnings: list[str]) -> Model:
        """Return a model with what its columns read, and warn of a column that has no lineage."""
        if not isinstance(self.models[model.fqn], SqlModel):
            return model
        columns, failed = [], {}
        for column in model.columns:
            try:
                read = self._reads(model.fqn, column.name)
            # SQLGlot also raises a ValueError where it cannot follow a union.
            except (SQLMeshError, SqlglotError, ValueError) as error:
                failed[column.name] = " ".join(str(error).split())
                read = frozenset()
            reads = tuple(sorted(each for each in read if each[0] in model.depends_on))
            columns.append(replace(column, reads=reads))
        if failed:
            why = next(iter(failed.values()))
            warnings.append(f"{model.name}: no column lineage of {', '.join(failed)}, {why}")
        return replace(model, columns=tuple(columns))

    def _reads(self, fqn: str, column: str) -> frozenset[tuple[str, str]]:
        """Return what a column reads; what an embedded model reads takes the place of it."""
        key = fqn, column
        if key not in self._known:
            self._known[key] = frozenset(self._through_embedded(key))
        return self._known[key]

    def _through_embedded(self, key: tuple[str, str]) -> Iterator[tuple[str, str]]:
        for fqn, column in compat.columns_read(self.models[key[0]], key[1]):
            upstream = self.models.get(fqn)
            if upstream is not None and upstream.kind.is_embedded:
                yield from self._reads(fqn, column)
            elif column != "*":  # of a table whose columns nobody describes
                yield fqn, column
