"""A Config can only exist valid."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import dagster as dg
import pytest
from pydantic import TypeAdapter, ValidationError

from dg_sqlmesh_codegen.config.model import FIELDS, KEYS, Config, RetryPolicy
from dg_sqlmesh_codegen.errors import SettingError
from dg_sqlmesh_codegen.sqlmesh_project.records import Source


@pytest.mark.parametrize("key", KEYS)
def test_every_key_has_a_description_and_valid_examples(key: str) -> None:
    field = FIELDS[key]
    assert field.description
    assert field.description.endswith(".")
    assert field.examples
    for example in field.examples:
        TypeAdapter(field.rebuild_annotation()).validate_python(example)
        assert example != field.get_default()


def test_a_repositorys_root_is_refused_unless_the_package_is_there(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    with pytest.raises(SettingError, match="is the root of a git repository"):
        Config((tmp_path,), tmp_path)
    (tmp_path / "definitions.py").touch()
    assert Config((tmp_path,), tmp_path).out == tmp_path


@pytest.mark.parametrize("target", ["nowhere", "link"])
def test_a_link_that_leads_to_no_folder_is_refused(target: str, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / target)
    with pytest.raises(SettingError, match="is a link that leads to no folder"):
        Config((tmp_path,), link)


@pytest.mark.parametrize("out", ["", "models", "macros/generated"])
def test_a_package_among_the_models_is_refused(out: str, tmp_path: Path) -> None:
    """SQLMesh would import its modules as python models."""
    for name in ("models", "macros"):
        (tmp_path / name).mkdir()
    with pytest.raises(SettingError, match="SQLMesh would load the package's models/ as part of"):
        Config((tmp_path,), tmp_path / out)


def test_values_are_checked_without_any_file(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="Dagster accepts an email address or team:name"):
        Config((tmp_path,), tmp_path, owners=("ana",))
    with pytest.raises(ValidationError, match="Unexpected keyword argument"):
        Config((tmp_path,), tmp_path, gruop_name="a")  # type: ignore[call-arg]


def test_an_empty_retry_policy_is_dagsters_own() -> None:
    ours, theirs = RetryPolicy(), dg.RetryPolicy()

    assert [getattr(ours, field.name) for field in fields(RetryPolicy)] == [*theirs]


def test_the_source_that_sqlmesh_loads(tmp_path: Path) -> None:
    config = Config((tmp_path,), tmp_path, "gate", "dev", "test", {"*": "main"})

    assert config.source == Source((tmp_path,), "gate", "test", {"*": "main"})
