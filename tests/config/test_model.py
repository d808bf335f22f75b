"""A Config can only exist valid."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import dagster as dg
import pytest
from pydantic import ValidationError

from dg_sqlmesh_codegen.config.model import DEFAULT_ENVIRONMENT, Config, RetryPolicy
from dg_sqlmesh_codegen.errors import SettingError, UsageError
from dg_sqlmesh_codegen.sqlmesh_project.records import Source


def test_defaults_to_prod_and_the_projects_own_gateway(tmp_path: Path) -> None:
    config = Config(projects=(tmp_path,), out=tmp_path / "defs")
    assert (config.environment, config.gateway) == ("prod", None)
    assert DEFAULT_ENVIRONMENT == "prod"


def test_the_output_folder_may_exist_or_not(tmp_path: Path) -> None:
    assert Config((tmp_path,), tmp_path).out == tmp_path
    assert Config((tmp_path,), tmp_path / "a" / "b").out == tmp_path / "a" / "b"
    assert not (tmp_path / "a").exists()


def test_takes_several_projects(tmp_path: Path) -> None:
    folders = (tmp_path / "one", tmp_path / "two")
    for folder in folders:
        folder.mkdir()
    assert Config(folders, tmp_path / "defs").projects == folders


def test_refuses_no_project(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no SQLMesh project was named"):
        Config((), tmp_path)


def test_refuses_a_project_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    with pytest.raises(UsageError, match="no such SQLMesh project folder") as caught:
        Config((tmp_path / "one", tmp_path / "nowhere"), tmp_path / "defs")
    assert str(tmp_path / "nowhere") in str(caught.value)
    assert caught.value.hint


def test_refuses_a_project_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.touch()
    with pytest.raises(UsageError, match=r"no such SQLMesh project folder.*config\.yaml"):
        Config((file,), tmp_path / "defs")


def test_refuses_an_output_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "defs"
    file.touch()
    with pytest.raises(UsageError, match="is not a folder"):
        Config((tmp_path,), file)


@pytest.mark.parametrize("environment", ["", " ", "\t\n"])
def test_refuses_an_environment_without_a_name(tmp_path: Path, environment: str) -> None:
    with pytest.raises(UsageError, match="the environment has no name"):
        Config((tmp_path,), tmp_path, environment=environment)


def test_is_frozen(tmp_path: Path) -> None:
    config = Config((tmp_path,), tmp_path)
    with pytest.raises(FrozenInstanceError):
        config.gateway = "other"  # type: ignore[misc]


def test_an_error_names_its_key(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    folders = {"projects": (tmp_path,), "out": tmp_path / "defs"}
    wrong: dict[str, object] = {
        "projects": (file,),
        "out": file,
        "environment": " ",
        "templates": file,
    }
    for key, value in wrong.items():
        with pytest.raises(SettingError) as caught:
            Config(**{**folders, key: value})  # type: ignore[arg-type]
        assert caught.value.key == key


def test_values_are_checked_without_any_file(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="an owner is an e-mail address or team:name"):
        Config((tmp_path,), tmp_path, owners=("ana",))
    with pytest.raises(ValidationError, match="Unexpected keyword argument"):
        Config((tmp_path,), tmp_path, gruop_name="a")  # type: ignore[call-arg]


def test_an_empty_retry_policy_is_dagsters_own() -> None:
    ours, theirs = RetryPolicy(), dg.RetryPolicy()

    assert [getattr(ours, field.name) for field in fields(RetryPolicy)] == [*theirs]


def test_what_the_inspector_loads(tmp_path: Path) -> None:
    config = Config((tmp_path,), tmp_path, "gate", "dev", "test", ((None, "main"),))

    assert config.source == Source((tmp_path,), "gate", "test", ((None, "main"),))
