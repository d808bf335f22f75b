"""What the summary says of names that Dagster would refuse, and of what nobody described."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from builders import external, model, project
from dg_sqlmesh_codegen.config import Config
from dg_sqlmesh_codegen.notes import notes as notes_with
from dg_sqlmesh_codegen.project import Column, Project

HERE = Path(__file__).parent
KNOWN = (Column("id", "INT"),)


def notes(made: Project) -> tuple[str, ...]:
    return notes_with(made, Config((HERE,), HERE))


def test_nothing_to_say() -> None:
    tidy = model("s.a", columns=KNOWN, tags=("finance",), owner="ana@shop.example")

    assert notes(project(tidy)) == ()


def test_what_is_renamed_is_said_once() -> None:
    tags = ("dagster:group_name:our marts", "per month")
    models = [model(f"s.{name}", columns=KNOWN, tags=tags, owner="analytics") for name in "ab"]
    models.append(model("s.a b", columns=KNOWN))

    assert notes(project(*models)) == (
        "asset key 's/a b' is written as 's/a_b'",
        "group 'our marts' is written as 'our_marts'",
        "tag 'per month' is written as 'per_month'",
        "owner 'analytics' is written as 'team:analytics'",
    )


def test_what_is_unknown_is_said_shortly() -> None:
    tables = [external(f"w.raw.t{number}") for number in range(7)]
    described = replace(external("w.raw.known"), described=True)
    made = project(model("s.a", columns=()), external_tables=(*tables, described))

    assert notes(made) == (
        "read, and described nowhere: w.raw.t0, w.raw.t1, w.raw.t2, w.raw.t3, w.raw.t4 and 2 more",
        "columns are not known: s.a",
    )
