"""The command line in this process, as if each run was a process of its own."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a run answered, and whether it loaded the project for that."""

    code: int
    stdout: str
    stderr: str
    loaded: bool

    @property
    def answer(self) -> tuple[int, str]:
        """What must not depend on the record."""
        return self.code, self.stdout

    @property
    def files(self) -> str:
        """The summary's line about files."""
        return next(line for line in self.stderr.splitlines() if line.startswith("files"))


@dataclass
class Runs:
    """Runs of one project into one output folder."""

    folder: Path
    everybody: Path  # the folder of all tests: what others imported from there is not ours
    capsys: pytest.CaptureFixture[str]
    loads: list[Path | None] = field(default_factory=list)

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def out(self) -> Path:
        return self.folder / "defs"

    def run(self, *flags: str, project: Path | None = None) -> Outcome:
        """Run the command line."""
        self._forget_modules()
        self.loads.clear()
        self.capsys.readouterr()
        try:
            code = main([str(project or self.project), "-o", str(self.out), *flags])
        finally:
            self._forget_modules()
        said = self.capsys.readouterr()
        return Outcome(code, said.out, said.err, bool(self.loads))

    def recorded(self, *flags: str) -> None:
        """Generate, and make sure that the record is believed."""
        assert self.run(*flags).loaded
        again = self.run(*flags)
        assert (again.code, again.loaded) == (0, False)

    def write(self, path: str, text: str) -> Path:
        """Write a file below the folder of the test."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def _forget_modules(self) -> None:
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file and Path(file).is_relative_to(self.everybody):
                del sys.modules[name]


def counted(patch: pytest.MonkeyPatch, loads: list[Path | None]) -> None:
    """Count the loads, by the folder of SQLMesh's cache that each one uses."""
    from dg_sqlmesh_codegen import generation  # noqa: PLC0415 - it imports SQLMesh

    render_project = generation.render_project

    def counting(config: object, progress: object, sqlmesh_cache: Path | None) -> object:
        loads.append(sqlmesh_cache)
        return render_project(config, progress, sqlmesh_cache)  # type: ignore[arg-type]

    patch.setattr(generation, "render_project", counting)
