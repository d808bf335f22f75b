"""What Dagster's pages show of the example, as the web server's GraphQL answers it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pictures.stage import LATE, LOCATION, Stage

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("pages")]

_METADATA = """metadataEntries { __typename label
  ... on TextMetadataEntry { text }
  ... on MarkdownMetadataEntry { mdStr }
  ... on IntMetadataEntry { intValue }
  ... on TableSchemaMetadataEntry { schema { columns { name type description } } }
  ... on CodeReferencesMetadataEntry {
    codeReferences { ... on LocalFileCodeReference { filePath lineNumber } } } }"""
_ASSET = f"""query ($key: AssetKeyInput!) {{ assetNodeOrError(assetKey: $key) {{ ... on AssetNode {{
  groupName kinds description {_METADATA}
  owners {{ ... on TeamAssetOwner {{ team }} }}
  tags {{ key value }}
  assetMaterializations(limit: 1) {{ {_METADATA} }}
  internalFreshnessPolicy {{ ... on TimeWindowFreshnessPolicy {{ failWindowSeconds }} }}
  assetChecksOrError {{ ... on AssetChecks {{ checks {{ name about: description
    executionForLatestMaterialization {{ evaluation {{
      success severity description {_METADATA} }} }} }} }} }} }} }} }}"""
_SELECTOR = f'repositoryLocationName: "{LOCATION}", repositoryName: "__repository__"'
_JOB = f"""query ($name: String!) {{
  pipelineOrError(params: {{{_SELECTOR}, pipelineName: $name}}) {{
    ... on Pipeline {{ description }} }} }}"""
_SCHEDULE = f"""{{ scheduleOrError(
  scheduleSelector: {{{_SELECTOR}, scheduleName: "sqlmesh_adaptive_schedule"}}) {{
  ... on Schedule {{ description cronSchedule executionTimezone }} }} }}"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Stage]:
    """The example in Dagster, after its run with failed audits."""
    stage = Stage(tmp_path_factory.mktemp("stage"))
    stage.prepare(root / "generated_example")
    try:
        stage.start()
        stage.fail()
        yield stage
    finally:
        stage.processes.stop_all()


def asset(stage: Stage, name: str) -> dict[str, Any]:
    found = stage.web.ask(_ASSET, key={"path": ["shop", *name.split(".")]})
    assert isinstance(found, dict)
    return found


def metadata(found: dict[str, Any]) -> dict[str, Any]:
    """Return texts and whole numbers by label."""
    fields = ("text", "mdStr", "intValue")
    return {
        entry["label"]: entry[field]
        for entry in found["metadataEntries"]
        for field in fields
        if field in entry
    }


def check(stage: Stage, name: str, check: str) -> dict[str, Any]:
    """Return a check with its latest result, and that result's metadata."""
    checks = asset(stage, name)["assetChecksOrError"]["checks"]
    (found,) = (each for each in checks if each["name"] == check)
    result = found.pop("executionForLatestMaterialization")["evaluation"]
    return {**found, **result}


def test_an_asset_says_what_it_is_and_when_it_runs(stage: Stage) -> None:
    found = asset(stage, "marts.customers")

    assert found["description"] == (
        "Customers with what they have ordered so far\n\n"
        "`FULL` model, every day at 00:00 UTC (cron `@daily`), grain `customer_id`"
    )
    assert (found["groupName"], found["owners"]) == ("marts", [{"team": "analytics"}])
    assert found["kinds"] == ["duckdb", "sqlmesh", "table"]  # all of them have icons
    assert [tag for tag in found["tags"] if not tag["key"].startswith("dagster/")] == [
        {"key": "pii", "value": "true"}
    ]
    kinds = {name: asset(stage, name)["kinds"] for name in ("staging.orders", "raw.countries")}
    assert kinds["staging.orders"] == ["duckdb", "sqlmesh", "view"]
    assert kinds["raw.countries"] == ["duckdb", "seed", "sqlmesh"]
    assert asset(stage, "marts.customer_segments")["kinds"] == ["duckdb", "python", "sqlmesh"]


def test_the_metadata_of_an_asset_is_easy_to_read(stage: Stage) -> None:
    found = asset(stage, "marts.customers")
    shown = metadata(found)

    assert shown["dagster/table_name"] == "shop.marts.customers"
    assert shown["dagster/storage_kind"] == "duckdb"
    assert (shown["sqlmesh/grain"], shown["sqlmesh/clustered_by"]) == (
        "customer_id",
        "country_name",
    )
    query = shown["sqlmesh/query"]
    assert query.startswith("```sql\nSELECT\n  c.customer_id::INT, -- The account's number\n")
    assert query.endswith("\n```")
    by_label = {entry["label"]: entry for entry in found["metadataEntries"]}
    assert by_label["dagster/column_schema"]["schema"]["columns"][0] == {
        "name": "customer_id",
        "type": "INT",
        "description": "The account's number",
    }
    assert by_label["dagster/code_references"]["codeReferences"] == [
        {"filePath": str(stage.folder / "shop/models/marts/customers.sql"), "lineNumber": 2}
    ]
    (run,) = asset(stage, "staging.orders")["assetMaterializations"]
    types = {entry["label"]: entry["__typename"] for entry in run["metadataEntries"]}
    assert types["sqlmesh/batches"] == "IntMetadataEntry"  # Dagster plots numbers
    assert types["sqlmesh/duration_seconds"] == "FloatMetadataEntry"


def test_a_check_says_what_a_failure_means(stage: Stage) -> None:
    blocks = check(stage, "staging.order_items", "assert_at_least")
    warns = check(stage, "staging.customers", "not_null_non_blocking")

    assert blocks["about"] == (
        "SQLMesh audit assert_at_least(column := quantity, minimum := 1): "
        "SQLMesh stops downstream models when it fails"
    )
    assert warns["about"] == ("SQLMesh audit not_null_non_blocking(columns := (email)): warns only")
    assert (blocks["severity"], blocks["description"]) == ("ERROR", "6 rows failed")
    assert (warns["severity"], warns["description"]) == ("WARN", "4 rows failed")
    shown = metadata(blocks)
    assert shown["sqlmesh/audit_args"] == "column := quantity, minimum := 1"
    assert shown["sqlmesh/audit_query"].startswith("```sql\nSELECT\n")
    assert shown["sqlmesh/count"] == 6


def test_the_execution_status_says_why(stage: Stage) -> None:
    def said(name: str) -> str:
        return str(check(stage, name, "sqlmesh_execution_status")["description"])

    assert said("staging.order_items") == "failed: Audits failed: assert_at_least"
    assert said("marts.daily_revenue") == "skipped: because shop.staging.order_items failed"
    assert said("marts.customer_segments").startswith("not due: next due at ")
    assert said("staging.customers") == "evaluated"


def test_the_job_and_the_schedule_say_what_they_do(stage: Stage) -> None:
    descriptions = {
        name: stage.web.ask(_JOB, name=name)["description"]
        for name in ("sqlmesh_job", "sqlmesh_sync_job")
    }
    assert descriptions == {
        "sqlmesh_job": "Evaluates the models that are due in one run of SQLMesh.",
        "sqlmesh_sync_job": "Reports what SQLMesh evaluated without Dagster.",
    }
    assert stage.web.ask(_SCHEDULE) == {
        "description": "Ticks at the crons of the models. Requests a run of those that are due.",
        "cronSchedule": "*/5 * * * *",
        "executionTimezone": "UTC",
    }


def test_a_late_model_fails_its_freshness(stage: Stage) -> None:
    stage.wait_for_late_model()
    assert stage.freshness("staging.orders") == "HEALTHY"
    policies = {
        name: asset(stage, name)["internalFreshnessPolicy"]
        for name in (LATE, "staging.orders", "raw.countries")
    }
    assert policies == {
        LATE: {"failWindowSeconds": 60},
        "staging.orders": {"failWindowSeconds": 2 * 3600},  # @hourly, and an hour for the run
        "raw.countries": None,
    }
