"""Small projects with hostile names and texts, generated, imported and compared with SQLMesh."""

from __future__ import annotations

import importlib
import itertools
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, example, given, settings
from hypothesis import strategies as st
from sqlglot import exp
from sqlmesh import Context
from sqlmesh.core.model import Model

from dg_sqlmesh_codegen.config.model import METADATA_KEYS, Config
from dg_sqlmesh_codegen.pipeline import generate
from dg_sqlmesh_codegen.runtime import ModelAsset
from projects import model, quoted, write_project

pytestmark = pytest.mark.sqlmesh

_numbers = itertools.count()

# What a quoted identifier and a string of SQL may hold, on one line; SQLMesh's own parser ends a
# model's block at a bare semicolon, and Jinja's marks make a model a Jinja one.
CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0;", exclude_categories=["Cc", "Cs"])
HOSTILE = ("class", "1st", "a-b", "a b", "a.b", "été", "None", "x" * 200, "%", "_", "客户", "订单")
NAMES = st.one_of(
    st.sampled_from(HOSTILE),
    st.from_regex(r"[A-Za-z_$][A-Za-z0-9_ .$-]{0,12}", fullmatch=True),
)
TEXTS = (
    st.one_of(
        st.sampled_from(
            ['"""', "'''", "\\", "\\n", "a'b", 'a"b', "{0}", "#", "日本", "\u202eabc", "\\N{DASH}"]
        ),
        st.text(CHARACTERS, min_size=1, max_size=30),
    )
    .map(str.strip)
    .filter(bool)
    .filter(lambda text: not {"{{", "{%", "{#"} & {text[i : i + 2] for i in range(len(text))})
)
NODES = st.fixed_dictionaries(
    {
        "name": NAMES,
        "tags": st.lists(TEXTS, max_size=2, unique=True),
        "owner": TEXTS,
        "description": TEXTS,
        "argument": TEXTS,
    }
)

PLAIN = {"tags": [], "owner": "o", "description": "d", "argument": "a"}


def write(folder: Path, nodes: list[dict[str, Any]]) -> Path:
    """Write a chain of models, each with two uses of one audit."""
    files = {}
    upstream = '"raw"."source"'
    for number, node in enumerate(nodes):
        name = '"s"."' + node["name"] + '"'
        accepted = f"accepted_values(column := id, is_in := ({quoted(node['argument'])}))"
        files[f"models/m{number}.sql"] = model(
            name,
            f"SELECT id::TEXT AS id FROM {upstream}",  # noqa: S608 - our own project
            kind="FULL",
            owner=quoted(node["owner"]),
            description=quoted(node["description"]),
            tags="(" + ", ".join(map(quoted, node["tags"])) + ")" if node["tags"] else "(t)",
            audits=f"({accepted}, accepted_values(column := id, is_in := ('x')))",
        )
        upstream = name
    return write_project(folder, files)


def imported(out: Path) -> ModuleType:
    sys.path.insert(0, str(out.parent))
    try:
        return importlib.import_module(f"{out.name}.definitions")
    finally:
        sys.path.remove(str(out.parent))


def sqlmeshs(project: Path) -> Context | None:
    """Load the project with SQLMesh alone; None where SQLMesh itself refuses it."""
    try:
        return Context(paths=[str(project)], load_state=False)
    except Exception:  # noqa: BLE001 - whatever SQLMesh refuses is no case for us
        return None


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    nodes=st.lists(NODES, min_size=1, max_size=4, unique_by=lambda node: str(node["name"]).lower())
)
@example(
    nodes=[{**PLAIN, "name": name} for name in ("客户", "订单", "é", "è", "a-b", "a b", "a_b")]
)
def test_any_project_that_sqlmesh_loads(nodes: list[dict[str, Any]], tmp_path: Path) -> None:
    folder = tmp_path / str(next(_numbers))
    project = write(folder / "project", nodes)
    context = sqlmeshs(project)
    event("refused by SQLMesh" if context is None else "loaded")
    assume(context is not None)
    assert context is not None
    out = folder / f"fuzz_{next(_numbers)}"
    generate(Config((project,), out, metadata_keys=METADATA_KEYS))
    models = {model.fqn: model for model in imported(out).MODELS}
    assert set(models) == set(context.models)
    for fqn, expected in context.models.items():
        assert_same(models[fqn], expected, models)
    shutil.rmtree(folder)


def assert_same(actual: ModelAsset, expected: Model, models: dict[str, ModelAsset]) -> None:
    spec = actual.spec
    assert spec.code_version == expected.data_hash
    assert spec.description == expected.description
    assert len(spec.owners) == 1
    deps = {tuple(dep.asset_key.path) for dep in spec.deps}
    read = {
        (
            tuple(models[fqn].spec.key.path)
            if fqn in models
            else tuple(p.name for p in exp.to_table(fqn).parts)
        )
        for fqn in expected.depends_on or ()
    }
    assert deps == read
    uses = [{k: v.sql("duckdb") for k, v in args.items()} for _, args in expected.audits_with_args]
    assert [dict(check.args) for check in actual.audits] == [
        use for index, use in enumerate(uses) if use not in uses[:index]
    ]
