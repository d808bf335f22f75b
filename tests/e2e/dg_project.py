"""A real `dg` project, made and used with `dg` as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.shop import run

BIN = Path(sys.executable).parent
TYPE = "dg_sqlmesh_codegen.SQLMeshProjectComponent"


@dataclass(frozen=True)
class DgProject:
    """A `dg` project; its package is found on Python's path instead of being installed."""

    folder: Path
    home: Path

    @classmethod
    def create(cls, folder: Path) -> DgProject:
        """Make a `dg` project in a folder, and a DAGSTER_HOME beside it."""
        run([str(BIN / "create-dagster"), "project", "shop_project", "--no-uv-sync"], folder)
        home = folder / "home"
        home.mkdir()
        (home / "dagster.yaml").touch()
        return cls(folder / "shop_project", home)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its processes."""
        return {"PYTHONPATH": str(self.folder / "src"), "DAGSTER_HOME": str(self.home)}

    @property
    def defs(self) -> Path:
        return self.folder / "src" / "shop_project" / "defs"

    def dg(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **self.environment, "COLUMNS": "200", **variables}
        command = [str(BIN / "dg"), *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def succeed(self, *arguments: str, **variables: str) -> str:
        done = self.dg(*arguments, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def definitions(self) -> dict[str, list[dict[str, object]]]:
        found = json.loads(self.succeed("list", "defs", "--json"))
        assert isinstance(found, dict)
        return found


def asset_keys(found: Mapping[str, list[dict[str, object]]]) -> set[object]:
    """Return the assets of what `DgProject.definitions` has found."""
    # Before Dagster 1.12 it is called `key`.
    return {asset.get("asset_key", asset.get("key")) for asset in found["assets"]}
