"""`dg scaffold defs`: writes a `defs.yaml` and generates the package beside it."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import click
import dagster as dg
import yaml
from pydantic import BaseModel, Field

from dg_sqlmesh_codegen.config import resolve, sources
from dg_sqlmesh_codegen.config.defs_yaml import COMPONENT
from dg_sqlmesh_codegen.config.layer import COMMAND_LINE, Layer
from dg_sqlmesh_codegen.errors import CodegenError, CommonNameError, UsageError
from dg_sqlmesh_codegen.python_names import Identifier
from dg_sqlmesh_codegen.runtime.dagster import compat

_DEFS = "defs.yaml"
_STARTER = Path(__file__).with_name("starter_project")


class SQLMeshProjectParams(BaseModel):
    """Parameters of `dg scaffold defs`."""

    project_path: str | None = Field(
        default=None,
        description="Folder of the SQLMesh project, relative to the working directory.",
    )
    init: bool = Field(default=False, description="Create a minimal SQLMesh project first.")


class SQLMeshProjectScaffolder(dg.Scaffolder[SQLMeshProjectParams]):
    """Writes `defs.yaml` and generates the package beside it."""

    @classmethod
    def get_scaffold_params(cls) -> type[SQLMeshProjectParams]:
        """Return the parameters' model."""
        return SQLMeshProjectParams

    def scaffold(self, request: dg.ScaffoldRequest[SQLMeshProjectParams]) -> None:
        """Write `defs.yaml`, and with `--init true` the SQLMesh project; then generate.

        Raises:
            click.ClickException: one line, with what is missing or what SQLMesh refuses. Nothing
                is left then, so that the command can be repeated: `dg` refuses a folder that
                exists. Only where another package has an asset in common the `defs.yaml` stays.
        """
        try:
            _scaffold(request)
        except CodegenError as error:
            with contextlib.suppress(OSError):  # not empty
                request.target_path.rmdir()
            raise click.ClickException(str(error)) from error


def _scaffold(request: dg.ScaffoldRequest[SQLMeshProjectParams]) -> None:
    if request.scaffold_format != "yaml" or compat.appends(request):
        raise UsageError(
            "this component needs a defs.yaml of its own", hint="Leave out --format and --append."
        )
    project = _project(request)
    name = Identifier(request.target_path.name) if _others(request) else None
    text = _defs_yaml(project, request.project_root, name)
    file = request.target_path / _DEFS
    file.write_text(text, encoding="utf-8")
    try:
        models = _generate(request.target_path)
    except CommonNameError as error:
        raise _with_remedy(error, request.target_path) from error
    except CodegenError:
        file.unlink()
        raise
    click.echo(
        f"Generated {models} models into {request.target_path}. Next: "
        f"sqlmesh -p {os.path.relpath(project)} plan, then `dg dev`."
    )


def _generate(folder: Path) -> int:
    """Generate the package beside a `defs.yaml`, and return the number of its models."""
    # Imported here because it imports SQLMesh, which only this command of `dg` needs.
    from dg_sqlmesh_codegen import pipeline  # noqa: PLC0415

    typed = Layer(COMMAND_LINE, None, {"out": str(folder)})
    return pipeline.generate(resolve.load(typed).config).contents.models


def _with_remedy(error: CommonNameError, folder: Path) -> UsageError:
    shown = os.path.relpath(folder)
    return UsageError(
        error.header,
        hint=f"{error.hint} {shown}/{_DEFS} is written: add attributes to it, such as "
        f'exclude: "marts.orders". Then run: python -m dg_sqlmesh_codegen -o {shown}. Until '
        "then the code location does not load.",
    )


def _others(request: dg.ScaffoldRequest[SQLMeshProjectParams]) -> bool:
    """Return whether the `dg` project has a component already: a second one needs a name."""
    return bool(request.project_root and sources.components(request.project_root))


def _project(request: dg.ScaffoldRequest[SQLMeshProjectParams]) -> Path:
    """Return the SQLMesh project's folder; with `--init true`, create it."""
    path = request.params.project_path
    if path is None and not request.params.init:
        raise UsageError(
            "no SQLMesh project is given",
            hint="Add --project-path PATH, or --init true for a new one in sqlmesh_project.",
        )
    folder = Path(path) if path else (request.project_root or Path.cwd()) / "sqlmesh_project"
    if request.params.init:
        write_starter_project(folder)
    if not folder.is_dir():
        raise UsageError(
            f"the SQLMesh project folder does not exist: {folder}",
            hint="Add --init true to create a project there.",
        )
    return folder.absolute()


def write_starter_project(folder: Path) -> None:
    """Write a minimal SQLMesh project, which plans and runs as it is, into a folder.

    Raises:
        UsageError: the folder is not empty; its files stay as they are.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder} is not empty, so no SQLMesh project is created there",
            hint="Leave out --init to use it, or name another folder with --project-path.",
        )
    shutil.copytree(
        _STARTER, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
    )


def _defs_yaml(project: Path, root: Path | None, name: str | None) -> str:
    """Return the text of a `defs.yaml`; a path below the dg project starts at its root."""
    if root and project.is_relative_to(root.absolute()):
        path = f"{{{{ context.project_root }}}}/{project.relative_to(root.absolute()).as_posix()}"
    else:
        path = str(project)
    attributes: dict[str, object] = {"sqlmesh_config": {"project_path": path}}
    if name:
        attributes["name"] = str(name)
    head, body = {"type": COMPONENT}, {"attributes": attributes}
    return "\n".join(yaml.safe_dump(part, sort_keys=False) for part in (head, body))
