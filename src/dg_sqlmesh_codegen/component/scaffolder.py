"""The scaffolder of `dg scaffold defs`: a `defs.yaml`, and the package that belongs beside it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import click
import dagster as dg
import yaml
from pydantic import BaseModel, Field

from dg_sqlmesh_codegen.config.sources import COMPONENT
from dg_sqlmesh_codegen.errors import CodegenError, UsageError

from . import starter_project

_DEFS = "defs.yaml"


class SQLMeshProjectParams(BaseModel):
    """What `dg scaffold defs` asks for."""

    project_path: str | None = Field(
        default=None, description="Folder of the SQLMesh project, from the working directory."
    )
    init: bool = Field(
        default=False, description="Make a minimal SQLMesh project first, if there is none."
    )


class SQLMeshProjectScaffolder(dg.Scaffolder[SQLMeshProjectParams]):
    """Writes `defs.yaml` and generates the package beside it."""

    @classmethod
    def get_scaffold_params(cls) -> type[SQLMeshProjectParams]:
        """Return the parameters' model."""
        return SQLMeshProjectParams

    def scaffold(self, request: dg.ScaffoldRequest[SQLMeshProjectParams]) -> None:
        """Write `defs.yaml`, and with `--init true` the SQLMesh project; then generate.

        Raises:
            click.ClickException: one line that says what is missing or what SQLMesh refuses.
        """
        try:
            _scaffold(request)
        except CodegenError as error:
            _clean_up(request.target_path)
            raise click.ClickException(str(error)) from error


def _scaffold(request: dg.ScaffoldRequest[SQLMeshProjectParams]) -> None:
    if request.scaffold_format != "yaml" or request.append:
        raise UsageError(
            "the component is configured by a defs.yaml of its own", hint="Leave --format out."
        )
    project = _project(request)
    (request.target_path / _DEFS).write_text(
        _defs_yaml(project, request.project_root), encoding="utf-8"
    )
    # They import SQLMesh, which only this one command of `dg` needs.
    from dg_sqlmesh_codegen import pipeline  # noqa: PLC0415
    from dg_sqlmesh_codegen.config import resolve  # noqa: PLC0415

    config = resolve.load({"out": str(request.target_path)}).config
    report = pipeline.generate(config)
    click.echo(
        f"Generated {report.contents.models} models into {request.target_path}. Next: "
        f"sqlmesh -p {os.path.relpath(project)} plan, then `dg dev`."
    )


def _clean_up(folder: Path) -> None:
    """Leave nothing, so that the command can be repeated: `dg` refuses a folder that exists."""
    (folder / _DEFS).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty: not ours alone
        folder.rmdir()


def _project(request: dg.ScaffoldRequest[SQLMeshProjectParams]) -> Path:
    """Return the SQLMesh project's folder, made where that was asked for."""
    named = request.params.project_path
    if named is None and not request.params.init:
        raise UsageError(
            "no SQLMesh project was named",
            hint="Say --project-path PATH, or --init true for a new one in sqlmesh_project.",
        )
    folder = Path(named) if named else (request.project_root or Path.cwd()) / "sqlmesh_project"
    if request.params.init:
        starter_project.write(folder)
    if not folder.is_dir():
        raise UsageError(
            f"no such SQLMesh project folder: {folder}", hint="Add --init true to make one there."
        )
    return folder.absolute()


def _defs_yaml(project: Path, root: Path | None) -> str:
    """Return the text of a `defs.yaml`; a path below the dg project starts at its root."""
    if root and project.is_relative_to(root.absolute()):
        path = f"{{{{ context.project_root }}}}/{project.relative_to(root.absolute()).as_posix()}"
    else:
        path = str(project)
    attributes = {"sqlmesh_config": {"project_path": path}}
    head, body = {"type": COMPONENT}, {"attributes": attributes}
    return "\n".join(yaml.safe_dump(part, sort_keys=False) for part in (head, body))
