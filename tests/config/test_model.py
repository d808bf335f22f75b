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


def test_the_output_folder_may_exist_or_not(tmp_path: Path) -> None:
    assert Config((tmp_path,), tmp_path).out == tmp_path
    assert Config((tmp_path,), tmp_path / "a" / "b").out == tmp_path / "a" / "b"
    assert not (tmp_path / "a").exists()


def test_a_repositorys_root_is_refused_unless_the_package_is_there(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    with pytest.raises(SettingError, match="is the root of a git repository"):
        Config((tmp_path,), tmp_path)
    (tmp_path / "definitions.py").touch()
    assert Config((tmp_path,), tmp_path).out == tmp_path


@pytest.mark.parametrize("key", ["projects", "out", "templates"])
def test_an_error_of_a_folder_names_its_key(key: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    folders: dict[str, object] = {"projects": (tmp_path,), "out": tmp_path / "defs"}
    wrong = (file,) if key == "projects" else file
    with pytest.raises(SettingError) as caught:
        Config(**{**folders, key: wrong})  # type: ignore[arg-type]
    assert caught.value.key == key


def test_a_code_url_needs_the_source_in_the_metadata(tmp_path: Path) -> None:
    url, out = "https://git.example/{ref}", tmp_path / "defs"
    assert Config((tmp_path,), out, code_url=url, metadata_keys=("source",)).code_url == url
    with pytest.raises(SettingError, match="code_url has no effect without source") as caught:
        Config((tmp_path,), out, code_url=url, metadata_keys=("kind", "query"))
    assert caught.value.key == "code_url"


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
