"""The files in generated_example/deploy: each one is accepted by the program that reads it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dagster._cli.api import grpc_command
from dagster._core.instance.config import dagster_instance_config
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
from dagster._core.workspace.load import location_origins_from_yaml_paths

pytestmark = pytest.mark.process

MODULE = ["-m", "defs.definitions"]


@pytest.fixture
def deploy(root: Path) -> Path:
    return root / "generated_example" / "deploy"


@pytest.fixture
def helm(deploy: Path) -> dict[str, object]:
    values = yaml.safe_load((deploy / "values.yaml").read_text(encoding="utf-8"))
    assert isinstance(values, dict)
    return values


@pytest.fixture
def dockerfile(deploy: Path) -> list[tuple[str, str]]:
    """The instructions with their arguments."""
    text = (deploy / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    return re.findall(r"^([A-Z]+) (.*)$", text, re.MULTILINE)


def snake_case(settings: dict[str, object]) -> dict[str, object]:
    """Return Helm's settings with the names that dagster.yaml has for them."""
    return {
        re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name): (
            snake_case(value) if isinstance(value, dict) else value
        )
        for name, value in settings.items()
    }


def test_dagster_accepts_the_instance_settings(deploy: Path) -> None:
    settings, _ = dagster_instance_config(str(deploy))

    assert settings["concurrency"]["pools"] == {"granularity": "op", "default_limit": 1}
    assert settings["storage"] == {"postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}}
    assert settings["run_monitoring"]["enabled"]
    assert settings["run_retries"]["enabled"]


def test_dagster_accepts_the_workspace(deploy: Path, dockerfile: list[tuple[str, str]]) -> None:
    (origin,) = location_origins_from_yaml_paths([str(deploy / "workspace.yaml")])

    assert isinstance(origin, GrpcServerCodeLocationOrigin)
    assert ("EXPOSE", str(origin.port)) in dockerfile


def test_the_image_holds_the_package_beside_its_project(
    root: Path, dockerfile: list[tuple[str, str]], tmp_path: Path
) -> None:
    (folder,) = [argument for name, argument in dockerfile if name == "WORKDIR"]
    for source, target in [a.split() for name, a in dockerfile if name == "COPY"]:
        assert (root / source).exists()
        if target.startswith(folder):
            ignored = shutil.ignore_patterns(".cache", "__pycache__")
            shutil.copytree(root / source, tmp_path / target.lstrip("/"), ignore=ignored)
    code = "from defs.definitions import defs; print(defs.resources['sqlmesh'].project_dir)"
    app = tmp_path / folder.lstrip("/")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=app, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert (Path(done.stdout.strip()) / "config.yaml").is_file()


def test_dagster_accepts_the_image_s_command(dockerfile: list[tuple[str, str]]) -> None:
    (command,) = [json.loads(argument) for name, argument in dockerfile if name == "CMD"]
    assert command[:3] == ["dagster", "api", "grpc"]

    parsed = grpc_command.make_context("grpc", command[3:]).params
    assert parsed["module_name"] == "defs.definitions"
    assert ("EXPOSE", str(parsed["port"])) in dockerfile


def test_helm_makes_the_same_instance(deploy: Path, helm: dict[str, object]) -> None:
    settings, _ = dagster_instance_config(str(deploy))
    concurrency, daemon = helm["concurrency"], helm["dagsterDaemon"]
    assert isinstance(concurrency, dict)
    assert isinstance(daemon, dict)

    assert concurrency.pop("enabled")
    assert snake_case(concurrency) == settings["concurrency"]
    for name, value in snake_case(daemon).items():
        assert value == settings[name]


def test_helm_starts_the_package(
    deploy: Path, helm: dict[str, object], dockerfile: list[tuple[str, str]]
) -> None:
    user = helm["dagster-user-deployments"]
    assert isinstance(user, dict)
    (deployment,) = user["deployments"]

    assert deployment["dagsterApiGrpcArgs"] == MODULE
    assert ("EXPOSE", str(deployment["port"])) in dockerfile
    # A run is a pod of this image and needs the same connections.
    assert deployment["includeConfigInLaunchedRuns"] == {"enabled": True}
    assert helm["runLauncher"] == {"type": "K8sRunLauncher"}


def test_pre_commit_accepts_its_configuration(deploy: Path) -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-config"]
    file = str(deploy / "pre-commit-config.yaml")
    done = subprocess.run([*command, file], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
