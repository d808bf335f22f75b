"""What an edit of the SQLMesh project costs in a pull request: files and lines of the package.

The numbers are in one table, in generated_example/README.md. After a change of the layout write the
table again and review its diff:

    UPDATE_DIFF_TABLE=1 python -m pytest tests/e2e/test_diff_sizes.py
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.pipeline import generate
from dg_sqlmesh_codegen.version import __version__
from e2e.edits import EDITS, INDEX, Edit, use_macro_a_third_time
from e2e.repository import FileDiff, Repository

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("diff_sizes")]

BEGIN, END = "<!-- diff table -->\n", "<!-- /diff table -->\n"


@dataclass(frozen=True, slots=True)
class Example:
    """The example in a repository of its own; every edit is measured from the same commit."""

    repository: Repository
    measured: dict[str, frozenset[FileDiff]] = field(default_factory=dict)

    def generate(self) -> None:
        folder = self.repository.folder
        generate(Config(projects=(folder / "shop",), out=folder / "defs"))

    def diff(self, edit: Edit) -> frozenset[FileDiff]:
        if edit.title not in self.measured:
            self.repository.clean()
            edit.apply(self.repository)
            with pytest.MonkeyPatch.context() as patch:
                if edit.upgrades:
                    _upgrade(patch)
                self.generate()
            self.measured[edit.title] = frozenset(self.repository.diff("defs"))
        return self.measured[edit.title]


def _upgrade(patch: pytest.MonkeyPatch) -> None:
    """Have every module of the tool that knows the version know a later one."""
    for name, module in list(sys.modules.items()):
        if name.startswith("dg_sqlmesh_codegen") and vars(module).get("__version__") == __version__:
            patch.setattr(module, "__version__", "99.0.0")


@pytest.fixture(scope="module")
def example(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    repository = Repository.create(tmp_path_factory.mktemp("example"))
    for name in ("shop", "defs"):
        shutil.copytree(root / "generated_example" / name, repository.folder / name)
    example = Example(repository)
    repository.commit()
    example.generate()
    assert not repository.diff("defs"), "the checked-in example is not current"
    use_macro_a_third_time(repository)
    example.generate()
    repository.commit()
    yield example
    shutil.rmtree(repository.folder)


def _title(edit: Edit) -> str:
    return edit.title


@pytest.mark.parametrize("edit", EDITS, ids=_title)
def test_nothing_but_what_the_edit_is_about_changes(edit: Edit, example: Example) -> None:
    files = {file.path.removeprefix("defs/"): file.status for file in example.diff(edit)}

    assert files == edit.files


@pytest.mark.parametrize("edit", [edit for edit in EDITS if edit.new], ids=_title)
def test_an_added_model_costs_two_lines_elsewhere(edit: Edit, example: Example) -> None:
    elsewhere = {file for file in example.diff(edit) if file.path == f"defs/{INDEX}"}

    assert {(file.added, file.removed) for file in elsewhere} == {(2, 0)}


def test_the_table_of_the_example_has_the_measured_numbers(root: Path, example: Example) -> None:
    table = "".join(f"{line}\n" for line in _table((edit, example.diff(edit)) for edit in EDITS))
    print(f"\n{table}")  # noqa: T201 - `pytest -s` shows it
    readme = root / "generated_example" / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    block, end, after = rest.partition(END)
    assert begin, f"{readme} has no line {BEGIN!r}"
    assert end, f"{readme} has no line {END!r}"
    if os.environ.get("UPDATE_DIFF_TABLE"):
        readme.write_text(f"{before}{begin}{table}{end}{after}", encoding="utf-8")
        return

    assert block == table, f"set UPDATE_DIFF_TABLE=1 to write what was measured into {readme}"


def _table(measured: Iterable[tuple[Edit, frozenset[FileDiff]]]) -> Iterator[str]:
    yield "| edit of the SQLMesh project | files of the package | lines | which |"
    yield "|---|---|---|---|"
    for edit, files in measured:
        old = [file for file in files if file.status in "MR"]  # the lines of new files do not count
        lines = f"+{sum(f.added for f in old)} -{sum(f.removed for f in old)}" if old else ""
        names = ", ".join(f"`{_name(file)}`" for file in sorted(files, key=_order))
        yield f"| {edit.title} | {_counts(files)} | {lines} | {names} |"


WORDS = {"A": "new", "M": "changed", "R": "renamed", "D": "removed"}


def _counts(files: frozenset[FileDiff]) -> str:
    counts = {word: sum(file.status == letter for file in files) for letter, word in WORDS.items()}
    return ", ".join(f"{number} {word}" for word, number in counts.items() if number) or "none"


def _order(file: FileDiff) -> tuple[int, str]:
    return list(WORDS).index(file.status), file.path


def _name(file: FileDiff) -> str:
    return file.path.removeprefix("defs/").removeprefix("models/shop/")
