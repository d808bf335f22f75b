"""Real SQLMesh projects, from the source distributions on PyPI; downloaded once, never copied in.

They are SQLMesh's own examples and the sample of `dagster-sqlmesh`: python models, blueprints,
signals, dbt, several repositories, several gateways.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock
from platformdirs import user_cache_path

DAGSTER_SQLMESH = "0.22.0"


@dataclass(frozen=True)
class RealProject:
    """Folders within a source distribution; `config` is one of its named configurations."""

    name: str
    folders: tuple[str, ...]
    distribution: str = "sqlmesh"
    config: str | None = None

    def copy_to(self, folder: Path) -> tuple[Path, ...]:
        """Copy the distribution, since loading writes caches, and return its projects."""
        source = distribution(self.distribution)
        target = folder / self.distribution
        root = "examples" if self.distribution == "sqlmesh" else "sample"
        shutil.copytree(source / root, target / root)
        return tuple(target / root / path for path in self.folders)


PROJECTS = [
    RealProject("sushi", ("sushi",)),
    RealProject("sushi isolated", ("sushi",), config="isolated_systems_config"),
    RealProject("sushi catalogs", ("sushi",), config="environment_catalog_mapping_config"),
    RealProject("sushi_dbt", ("sushi_dbt",)),
    RealProject("multi", ("multi/repo_1", "multi/repo_2")),
    RealProject("multi_dbt", ("multi_dbt/bronze", "multi_dbt/silver")),
    RealProject("multi_hybrid", ("multi_hybrid/dbt_repo", "multi_hybrid/sqlmesh_repo")),
    RealProject("wursthall", ("wursthall",)),
    RealProject("ibis", ("ibis",)),
    RealProject("dagster-sqlmesh sample", ("sqlmesh_project",), "dagster-sqlmesh"),
]


def distribution(name: str) -> Path:
    """Return the unpacked source distribution, downloading it the first time.

    Skips where the registry cannot be reached, but never in CI.
    """
    version = importlib.metadata.version("sqlmesh") if name == "sqlmesh" else DAGSTER_SQLMESH
    cache = user_cache_path("dg-sqlmesh-codegen-tests")
    cache.mkdir(parents=True, exist_ok=True)
    unpacked = cache / f"{name}-{version}"
    with FileLock(f"{unpacked}.lock"):
        if not unpacked.is_dir():
            _download(name, version, unpacked)
    return unpacked


def _download(name: str, version: str, target: Path) -> None:
    staging = target.with_suffix(".partial")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--no-binary", ":all:", f"{name}=={version}"]
    done = subprocess.run(command, cwd=staging, capture_output=True, text=True, check=False)
    archives = list(staging.glob("*.tar.gz"))
    if not archives:
        if os.environ.get("CI"):
            pytest.fail(f"{name} {version} could not be downloaded: {done.stderr}")
        pytest.skip(f"the registry cannot be reached: {done.stderr.strip().splitlines()[-1]}")
    with tarfile.open(archives[0]) as archive:
        archive.extractall(staging, filter="data")
    next(path for path in staging.iterdir() if path.is_dir()).rename(target)
    shutil.rmtree(staging)


def install_custom_materializations(folder: Path) -> Path:
    """Put the package that sushi's custom materializations are in on a folder for `sys.path`.

    SQLMesh finds them by the entry points of an installed distribution, so its metadata comes too.
    """
    source = distribution("sqlmesh") / "examples" / "custom_materializations"
    target = folder / "site"
    shutil.copytree(source / "custom_materializations", target / "custom_materializations")
    metadata = target / "custom_materializations-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: custom_materializations\nVersion: 0.1.0\n"
    )
    (metadata / "entry_points.txt").write_text(
        "[sqlmesh.materializations]\n"
        "custom_full_materialization = custom_materializations.full:CustomFullMaterialization\n"
        "custom_full_with_custom_kind ="
        " custom_materializations.custom_kind:CustomFullWithCustomKindMaterialization\n"
    )
    return target
