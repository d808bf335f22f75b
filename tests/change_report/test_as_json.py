"""The summary as JSON. Its structure is public; `test_golden.py` compares a whole document."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import PurePosixPath

from builders import model
from dg_sqlmesh_codegen.change_report import summarize, to_json
from dg_sqlmesh_codegen.change_report.model import Cause, RenameReason, Summary, UnreadFile
from dg_sqlmesh_codegen.sqlmesh_project.records import Column
from packages import package


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


def test_what_the_golden_file_lacks() -> None:
    raw = model("s.a.raw", query="SELECT 1")
    described = replace(raw, columns=(Column("id", "INT", "größe"),))
    summary = summarize(package(raw), package(described, environment="dev"))
    note = UnreadFile(PurePosixPath("models/x.py"), "old", "it is not valid Python")
    document = json.loads(to_json(replace(summary, notes=(note,))))

    (change,) = document["assets"]["changed"]
    assert (change["key"], change["old_key"]) == (["s", "a", "raw"], ["s", "a", "raw"])
    assert (change["code_version"], change["audits"]) == (None, [])
    assert change["columns"] == [
        {"old": None, "new": {"name": "id", "type": "INT", "description": "größe"}}
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
