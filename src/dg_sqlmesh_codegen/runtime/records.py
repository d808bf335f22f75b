"""The records that generated model modules are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property

import dagster as dg

from dg_sqlmesh_codegen.check_names import EXECUTION_STATUS_CHECK, check_names

from . import contract
from .dagster import compat


@contract.record
@dataclass(frozen=True, slots=True)
class Audit:
    """A SQLMesh audit.

    Args:
        name: its name in SQLMesh.
        query: its query, before SQLMesh renders it.
        blocking: whether SQLMesh stops downstream models when it fails. A use can override it.
        dialect: dialect of the query. By default, that of the model.
        standalone: whether it is a standalone audit, which SQLMesh runs on its own cron.
    """

    name: str
    query: str
    blocking: bool = True
    dialect: str | None = None
    standalone: bool = False


@contract.record
@dataclass(frozen=True, slots=True, init=False)
class AuditCheck:
    """One use of an audit on a model, from which `ModelAsset` makes a Dagster asset check."""

    audit: Audit
    args: Mapping[str, str]
    blocking: bool
    additional_deps: tuple[Sequence[str], ...]

    def __init__(
        self,
        audit: Audit,
        /,
        *,
        blocking: bool | None = None,
        additional_deps: Sequence[Sequence[str]] = (),
        args: Mapping[str, str] | None = None,
        **arguments: str,
    ) -> None:
        """Take the arguments of the audit as SQL text, by name or as `args`.

        Args:
            audit: the audit.
            blocking: overrides that of the audit.
            additional_deps: keys of the other assets that a standalone audit reads.
            args: the arguments, if one of their names cannot be that of a Python argument.
            arguments: the arguments.
        """
        object.__setattr__(self, "audit", audit)
        object.__setattr__(self, "args", {**(args or {}), **arguments})
        object.__setattr__(self, "blocking", audit.blocking if blocking is None else blocking)
        object.__setattr__(self, "additional_deps", tuple(additional_deps))

    @property
    def description(self) -> str:
        """What the check is, and what a failure means."""
        effect = "SQLMesh stops downstream models when it fails" if self.blocking else "warns only"
        if self.audit.standalone:
            return f"SQLMesh standalone audit {self.audit.name}: {effect}"
        return f"SQLMesh audit {self.audit.name}({arguments(self.args)}): {effect}"


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """An audit of a model with its Dagster asset check.

    Args:
        audit: the audit.
        args: arguments of this use as SQL text, by name. With the audit they identify the use.
        spec: the asset check. It never blocks in Dagster, because SQLMesh does the blocking.
    """

    audit: Audit
    args: Mapping[str, str]
    spec: dg.AssetCheckSpec


@contract.record
@dataclass(frozen=True, slots=True)
class ExternalAsset:
    """A table that models read and SQLMesh does not write.

    Args:
        fqn: SQLMesh's quoted name of the table.
        spec: the asset. Nothing materializes it.
    """

    fqn: str
    spec: dg.AssetSpec


@contract.record
@dataclass(frozen=True)
class ModelAsset:
    """A SQLMesh model and its Dagster asset.

    Args:
        fqn: SQLMesh's quoted name of the model. All events of a run carry it.
        spec: the asset.
        audits: the model's uses of audits.
        has_status_check: whether the asset has the check `sqlmesh_execution_status`.
        has_blocking_checks: whether audits that block in SQLMesh also block in Dagster.
        group_name: the asset's group, if it is a nested one (`marts/finance`).
        kinds: the asset's kinds, if there are more than three.
        source: path of the model's file, relative to the package's folder.
        source_line: its line in that file.
        freshness: how old its data may be, such as `25h`. Dagster shows older data as late.
        run_on_upstream: whether it runs when data lands upstream, though its cron is not due.
        jobs: names of the jobs that run it, if the package has several.
        columns: the table's columns. Packages of older versions have them in the spec's metadata.
    """

    fqn: str
    spec: dg.AssetSpec
    audits: Sequence[AuditCheck] = ()
    has_status_check: bool = True
    has_blocking_checks: bool = False
    group_name: str | None = None
    kinds: Set[str] = frozenset()
    source: str | None = None
    source_line: int | None = None
    freshness: str | None = None
    run_on_upstream: bool = False
    jobs: Sequence[str] = ()
    columns: Sequence[dg.TableColumn] = ()

    def __post_init__(self) -> None:
        """Add to the asset what every model has, its columns, and what not every Dagster has."""
        metadata = dict(self.spec.metadata)
        if self.columns:
            metadata["dagster/column_schema"] = dg.TableSchema(columns=[*self.columns])
        # A model that is not due has no output.
        spec = self.spec.replace_attributes(skippable=True, metadata=metadata)
        if self.group_name or self.kinds:
            spec = compat.extended(spec, self.group_name, self.kinds)
        object.__setattr__(self, "spec", spec)

    @cached_property
    def audit_checks(self) -> tuple[ModelCheck, ...]:
        """The model's audits with their checks."""
        uses = [(use.audit.name, (*use.args.items(),), use.audit.standalone) for use in self.audits]
        return tuple(
            ModelCheck(use.audit, use.args, self._check_spec(use, name))
            for use, name in zip(self.audits, check_names(uses), strict=True)
        )

    @property
    def standalone_checks(self) -> tuple[ModelCheck, ...]:
        """The checks of its standalone audits, which SQLMesh runs alone."""
        return tuple(check for check in self.audit_checks if check.audit.standalone)

    @property
    def nodes(self) -> frozenset[str]:
        """What SQLMesh runs of it: its fqn, and the names of its standalone audits."""
        return frozenset([self.fqn, *(check.audit.name for check in self.standalone_checks)])

    @property
    def status_check(self) -> dg.AssetCheckSpec:
        """The check `sqlmesh_execution_status`."""
        return dg.AssetCheckSpec(
            name=EXECUTION_STATUS_CHECK,
            asset=self.spec.key,
            description="Whether SQLMesh evaluated the model, and if not, why",
            blocking=False,
        )

    @property
    def check_specs(self) -> list[dg.AssetCheckSpec]:
        """All checks of the asset: one for each audit, and the execution status."""
        status = [self.status_check] if self.has_status_check else []
        return [*(check.spec for check in self.audit_checks), *status]

    def _check_spec(self, use: AuditCheck, name: str) -> dg.AssetCheckSpec:
        # A builtin audit has the dialect of the model.
        dialect = use.audit.dialect or self.spec.metadata.get("sqlmesh/dialect")
        metadata: dict[str, object] = {"sqlmesh/blocking": use.blocking}
        metadata |= {"sqlmesh/dialect": dialect} if dialect else {}
        metadata |= {"sqlmesh/audit_args": use.args} if use.args else {}
        return dg.AssetCheckSpec(
            name=name,
            asset=self.spec.key,
            description=use.description,
            blocking=self.has_blocking_checks and use.blocking and not use.audit.standalone,
            additional_deps=use.additional_deps,
            metadata={**metadata, "sqlmesh/audit_query": sql_block(use.audit.query)},
        )

    def without_status_check(self) -> ModelAsset:
        """Return the same model without the check `sqlmesh_execution_status`."""
        return replace(self, has_status_check=False)

    def with_blocking_checks(self) -> ModelAsset:
        """Return the same model with checks that block in Dagster if they block in SQLMesh."""
        return replace(self, has_blocking_checks=True)


def arguments(args: Mapping[str, str]) -> str:
    """Return the arguments of an audit as a model's file has them."""
    return ", ".join(f"{name} := {value}" for name, value in args.items())


def sql_block(query: str) -> dg.MarkdownMetadataValue:
    """Return a query as Markdown: Dagster shows a text without its line breaks.

    The fence is longer than every run of backticks in the query.
    """
    longest = max(map(len, re.findall("`+", query)), default=0)
    fence = "`" * max(3, longest + 1)
    return dg.MarkdownMetadataValue(f"{fence}sql\n{query}\n{fence}")
