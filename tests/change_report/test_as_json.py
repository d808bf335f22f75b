"""The summary as JSON: its structure is public, so the tests spell it out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import PurePosixPath

from builders import audit, model
from dg_sqlmesh_codegen.change_report import summarize, to_json
from dg_sqlmesh_codegen.change_report.model import Cause, RenameReason, Summary, UnreadFile
from dg_sqlmesh_codegen.sqlmesh_project.records import Column
from packages import package

RAW = model("s.a.raw", query="SELECT 1", data_hash="1")
MART = model("s.a.mart", query="SELECT 2", data_hash="2", depends_on=(RAW.fqn,))
NOT_NULL = {
    "name": "not_null",
    "args": {"columns": "(id)"},
    "check": "not_null",
    "blocking": True,
    "standalone": False,
    "query": "SELECT * FROM @this_model",
    "also_reads": [],
}


def test_an_empty_summary() -> None:
    assert json.loads(to_json(Summary())) == {
        "format": 1,
        "changed": False,
        "assets": {"added": [], "removed": [], "renamed": [], "changed": []},
        "edges": {"added": [], "removed": []},
        "schedules": [],
        "settings": [],
        "notes": [],
    }


def test_all_fields() -> None:
    old = package(RAW, MART)
    moved = replace(
        model("s.b.raw", query="SELECT 1", data_hash="3", cron="@hourly"),
        columns=(Column("id", "INT", "größe"),),
        audits=(audit("not_null", columns="(id)"),),
    )
    fresh = model("s.a.fresh", query="SELECT 5", data_hash="5", depends_on=(moved.fqn,))
    summary = summarize(old, package(moved, fresh, environment="dev"))
    note = UnreadFile(PurePosixPath("models/x.py"), "old", "it is not valid Python")
    document = json.loads(to_json(replace(summary, notes=(note,))))

    raw, new = ["s", "a", "raw"], ["s", "b", "raw"]
    assert document["changed"] is True
    (added,) = document["assets"]["added"]
    properties = {each["name"]: each["values"] for each in added.pop("properties")}
    assert properties["sqlmesh/kind"] == ["FULL"]
    assert added == {
        "key": ["s", "a", "fresh"],
        "fqn": '"s"."a"."fresh"',
        "path": "models/s/a/fresh.py",
        "code_version": "5",
        "deps": [new],
        "query": "SELECT 5",
        "columns": [],
        "audits": [],
        "external": False,
    }
    assert [each["key"] for each in document["assets"]["removed"]] == [["s", "a", "mart"]]
    assert document["assets"]["renamed"] == [{"old": raw, "new": new, "reason": "same_query"}]
    (change,) = document["assets"]["changed"]
    assert {"name": "sqlmesh/cron", "old": ["@daily"], "new": ["@hourly"]} in change.pop(
        "properties"
    )
    assert change == {
        "key": new,
        "old_key": raw,
        "code_version": {
            "old": "1",
            "new": "3",
            "cause": "definition",
            "directly": True,
            "names": ["sqlmesh/cron", "schema"],
        },
        "columns": [{"old": None, "new": {"name": "id", "type": "INT", "description": "größe"}}],
        "audits": [{"old": None, "new": NOT_NULL}],
    }
    assert document["edges"] == {
        "added": [{"upstream": new, "downstream": ["s", "a", "fresh"]}],
        "removed": [{"upstream": new, "downstream": ["s", "a", "mart"]}],
    }
    name = "sqlmesh_adaptive_schedule"
    assert document["schedules"] == [
        {
            "old": {"name": name, "crons": ["0 0 * * *"], "timezone": "UTC"},
            "new": {"name": name, "crons": ["0 * * * *"], "timezone": "UTC"},
        }
    ]
    assert document["settings"] == [
        {"name": "resource environment", "old": ["prod"], "new": ["dev"]}
    ]
    assert document["notes"] == [
        {"path": "models/x.py", "side": "old", "reason": "it is not valid Python"}
    ]


def test_reasons_and_causes_are_public() -> None:
    """A program compares these words: to change one, raise `FORMAT`."""
    reasons = {each.value for each in RenameReason}
    assert reasons == {"same_model", "same_code", "same_query", "same_name"}
    causes = {each.value for each in Cause}
    assert causes == {"query", "definition", "python", "seed", "macro", "unseen"}


def test_json_is_ascii() -> None:
    note = UnreadFile(PurePosixPath("models/\udcff.py"), "old", "x")
    assert json.loads(to_json(Summary(notes=(note,))).encode("ascii"))
