"""The records of generated modules make Dagster's specs."""

from __future__ import annotations

import dagster as dg
import pytest

from dg_sqlmesh_codegen.runtime import Audit, AuditCheck, ModelAsset

NOT_NULL = Audit(name="not_null", blocking=True, query="SELECT *\n-- a comment\nFROM @this_model")
CUSTOM = Audit(name="custom", dialect="spark", blocking=False, query="SELECT 1")
TOTALS = Audit(name="totals", dialect="duckdb", blocking=False, standalone=True, query="SELECT 2")
STOPS, WARNS = "SQLMesh stops downstream models when it fails", "warns only"


def model(*audits: AuditCheck, dialect: str | None = "duckdb") -> ModelAsset:
    metadata = {"sqlmesh/dialect": dialect} if dialect else {}
    return ModelAsset('"s"."a"', dg.AssetSpec(["s", "a"], metadata=metadata), [*audits])


def only(made: ModelAsset) -> dg.AssetCheckSpec:
    (check,) = made.audit_checks
    return check.spec


def test_a_check_is_made_of_an_audit_and_its_use() -> None:
    spec = only(model(AuditCheck(NOT_NULL, columns="(id, day)", condition="x > 1")))
    assert spec == dg.AssetCheckSpec(
        name="not_null",
        asset=["s", "a"],
        description=f"SQLMesh audit not_null(columns := (id, day), condition := x > 1): {STOPS}",
        blocking=False,
        metadata={
            "sqlmesh/blocking": True,
            "sqlmesh/dialect": "duckdb",
            "sqlmesh/audit_args": {"columns": "(id, day)", "condition": "x > 1"},
            "sqlmesh/audit_query": dg.MarkdownMetadataValue(f"```sql\n{NOT_NULL.query}\n```"),
        },
    )


def test_a_standalone_audit_reads_other_assets() -> None:
    spec = only(model(AuditCheck(TOTALS, additional_deps=[["s", "b"], ["c"]])))
    assert spec.description == f"SQLMesh standalone audit totals: {WARNS}"
    assert [dep.asset_key.path for dep in spec.additional_deps] == [["s", "b"], ["c"]]
    assert "sqlmesh/audit_args" not in spec.metadata


@pytest.mark.parametrize(
    ("check", "blocking", "effect"),
    [
        (AuditCheck(NOT_NULL), True, STOPS),
        (AuditCheck(NOT_NULL, blocking=False), False, WARNS),
        (AuditCheck(CUSTOM), False, WARNS),
        (AuditCheck(CUSTOM, blocking=True), True, STOPS),
    ],
)
def test_a_use_overrides_whether_the_audit_blocks(
    check: AuditCheck, blocking: bool, effect: str
) -> None:
    spec = only(model(check))
    assert spec.metadata["sqlmesh/blocking"] is blocking
    assert (spec.description or "").endswith(f": {effect}")
    assert not spec.blocking  # SQLMesh does the blocking


@pytest.mark.parametrize(
    ("audit", "dialect", "shown"),
    [(NOT_NULL, "duckdb", "duckdb"), (CUSTOM, "duckdb", "spark"), (NOT_NULL, None, None)],
)
def test_a_builtin_audit_has_the_dialect_of_the_model(
    audit: Audit, dialect: str | None, shown: str | None
) -> None:
    spec = only(model(AuditCheck(audit), dialect=dialect))
    assert spec.metadata.get("sqlmesh/dialect") == shown


def test_the_uses_of_one_audit_are_told_apart() -> None:
    made = model(AuditCheck(NOT_NULL, columns="(id)"), AuditCheck(NOT_NULL, columns="(day)"))
    names = [spec.name for spec in made.check_specs]
    assert names == ["not_null__id", "not_null__day", "sqlmesh_execution_status"]
    assert made.without_status_check().check_specs == made.check_specs[:2]


def test_arguments_keep_their_order_and_can_have_any_name() -> None:
    by_name = AuditCheck(CUSTOM, self="1", audit="2", name="3")
    as_mapping = AuditCheck(CUSTOM, args={"self": "1", "audit": "2", "name": "3"})
    assert by_name == as_mapping
    assert [*by_name.args] == ["self", "audit", "name"]
    assert AuditCheck(CUSTOM, args={"args": "1", "in": "2"}).args == {"args": "1", "in": "2"}
