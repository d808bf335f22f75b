"""The types of the configuration's values, against Dagster and against what is generated."""

from __future__ import annotations

import ast
import builtins
import symtable
from itertools import product
from pathlib import Path
from zoneinfo import available_timezones

import dagster as dg
import pytest
from dagster._core.definitions.utils import DISALLOWED_NAMES
from pydantic import TypeAdapter, ValidationError

from builders import model, project, translation
from dg_sqlmesh_codegen.config.model import Config, RetryPolicy
from dg_sqlmesh_codegen.config.names import PackageNames
from dg_sqlmesh_codegen.config.types import (
    TAKEN_NAMES,
    DefaultCatalogs,
    ScheduleName,
    is_literal,
)
from dg_sqlmesh_codegen.rendering.package import Package, named_schedule, render
from dg_sqlmesh_codegen.schedules.crons import Schedule
from dg_sqlmesh_codegen.translation import graph

SCHEDULES = TypeAdapter(ScheduleName)
HERE = Path(__file__).parent


def is_refused(name: str) -> bool:
    try:
        SCHEDULES.validate_python(name)
    except ValidationError:
        return True
    return False


def definitions(config: Config) -> str:
    """Render a definitions.py whose schedule is called `the_schedule`."""
    described = project(model(), paths=config.projects)
    assets = graph.build(described, translation(described), HERE)
    files = render(Package(config, described, assets, (Schedule("UTC", ("@daily",)),)))
    return next(file.text for file in files if file.path.name == "definitions.py")


def module_names(text: str) -> set[str]:
    """Return the names that a module binds, and those that it takes from Python."""
    table = symtable.symtable(text, "definitions.py", "exec")
    bound = {symbol.get_name() for symbol in table.get_symbols()}
    loaded = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    return bound | {name for name in loaded if hasattr(builtins, name)}


def test_no_schedule_is_called_like_anything_else_in_definitions_py(tmp_path: Path) -> None:
    config = Config(
        (tmp_path, tmp_path),
        tmp_path / "defs",
        gateway="local",
        config_name="test",
        concurrent_tasks=2,
        op_tags={"team": "data"},
        retry_policy=RetryPolicy(2, 3, "LINEAR", "FULL"),
        external_specs=True,
        restate=True,
        schedule_status="RUNNING",
        schedule_name="the_schedule",
        code_url="https://git.example/{ref}",
    )
    (tmp_path / ".git").mkdir()
    names = module_names(definitions(config)) - {"the_schedule", *PackageNames.of(None).others}

    assert {name for name in names if not is_refused(name)} == set()
    assert names >= TAKEN_NAMES  # nothing is refused without need


def test_dagster_takes_every_name_that_is_not_refused() -> None:
    assert {name for name in DISALLOWED_NAMES if not is_refused(name)} == set()
    for name in ("_daily", "Daily2", "sqlmesh", "match", "s" * 200):
        assert not is_refused(name)
        schedule = dg.ScheduleDefinition(name=name, job_name="job", cron_schedule="@daily")
        assert schedule.name == name


def test_the_names_with_time_zones_are_distinct_and_free() -> None:
    zones = sorted(available_timezones() | {"UTC"})
    schedules = [Schedule(zone, ("@daily",)) for zone in zones]
    for base in ("sqlmesh_adaptive_schedule", "sqlmesh"):
        names = [named_schedule(each, base).name for each in schedules]

        assert len(zones) > 400
        assert len(set(names)) == len(zones)
        assert [name for name in names if is_refused(name)] == []


@pytest.mark.parametrize(
    ("written", "catalogs"),
    [
        ("main", {"*": "main"}),
        ({"Local": "main"}, {"local": "main"}),
        ({"A": "b", "a": "b"}, {"a": "b"}),
        # From the command line.
        (("Local=main",), {"local": "main"}),
        (("main", "b=other"), {"*": "main", "b": "other"}),
        (("a=b=c",), {"a=b": "c"}),
    ],
)
def test_default_catalogs(written: object, catalogs: dict[str, str]) -> None:
    assert TypeAdapter(DefaultCatalogs).validate_python(written) == catalogs


LITERALS = [None, True, 3, 1.5, "a", (), [1, (2, "b")], {"a": {"b": [None]}}]
OTHERS = [float("inf"), float("nan"), {1}, {1: "a"}, b"a", object(), 1j, [{"a": {2}}]]


@pytest.mark.parametrize(
    ("value", "is_one"), [*product(LITERALS, [True]), *product(OTHERS, [False])]
)
def test_literals(value: object, is_one: bool) -> None:
    assert is_literal(value) is is_one
