"""A generated file that somebody edited by hand is noticed, and nothing else is called that."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import pytest

from builders import model, project, translation
from dg_sqlmesh_codegen.cli.app import main
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.output import compare as comparing
from dg_sqlmesh_codegen.output.compare import Status, apply
from dg_sqlmesh_codegen.output.edits import Index
from dg_sqlmesh_codegen.python_names import Identifier
from dg_sqlmesh_codegen.rendering.files import File
from dg_sqlmesh_codegen.rendering.header import BANNER
from dg_sqlmesh_codegen.rendering.package import Package, is_own_index, render, render_index
from dg_sqlmesh_codegen.rendering.templates import template_dir
from dg_sqlmesh_codegen.translation import graph
from dg_sqlmesh_codegen.version import __version__
from packages import compare
from projects import model as model_file
from projects import write_project

HERE = Path(__file__).parent
GIT = shutil.which("git") or "git"
MODEL = "models/shop/sales/orders.py"
INDEX = "models/__init__.py"
THREE = ("shop.sales.customers", "shop.sales.orders", "shop.staging.lines")
# Every file of the package differs from that of THREE, and one is orphaned.
OTHER = ("shop.sales.customers", "shop.sales.orders", "shop.web.visits")


def rendered(*names: str, data_hash: str = "1") -> tuple[File, ...]:
    config = Config((HERE,), HERE / "defs", environment=f"env{data_hash}")
    described = project(*(model(name, data_hash=data_hash) for name in names), paths=(HERE,))
    assets = graph.build(described, translation(described), config.out)
    return render(Package(config, described, assets, ()))


def generate(out: Path, *names: str, data_hash: str = "1") -> None:
    files = rendered(*names, data_hash=data_hash)
    apply(compare(files, out), out)


def edited(out: Path, files: Sequence[File]) -> set[str]:
    return {str(change.path) for change in compare(files, out) if change.edited}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    generate(tmp_path / "defs", *THREE)
    return tmp_path / "defs"


def append(path: Path, text: bytes = b"# mine\n") -> None:
    path.write_bytes(path.read_bytes() + text)


def test_what_a_generation_wrote_is_not_edited(out: Path) -> None:
    assert edited(out, rendered(*THREE)) == set()
    changes = compare(rendered(*OTHER, data_hash="2"), out)
    assert {change.status for change in changes} == set(Status)
    assert not [change for change in changes if change.edited]


@pytest.mark.parametrize(
    "path",
    ["__init__.py", "definitions.py", INDEX, "models/shop/sales/__init__.py", MODEL],
)
def test_an_edit_is_noticed_whatever_else_changed(out: Path, path: str) -> None:
    append(out / path)
    assert edited(out, rendered(*THREE)) == {path}
    assert edited(out, rendered(*OTHER, data_hash="2")) == {path}
    generate(out, *THREE)
    assert edited(out, rendered(*OTHER, data_hash="2")) == set()


def test_an_orphan_that_was_edited_is_said_to_be(out: Path) -> None:
    path = "models/shop/staging/lines.py"
    append(out / path)
    (change,) = (each for each in compare(rendered(*OTHER), out) if str(each.path) == path)
    assert (change.status, change.edited) == (Status.ORPHANED, True)


def test_a_model_taken_out_of_the_index_by_hand(out: Path) -> None:
    lines = (out / INDEX).read_text().splitlines(keepends=True)
    (out / INDEX).write_text("".join(line for line in lines if "orders" not in line))
    assert edited(out, rendered(*THREE)) == {INDEX}


def test_a_module_of_ones_own_put_into_the_index_by_hand(out: Path) -> None:
    (out / "models" / "shop" / "mine.py").write_text("model = 1\n")
    text = (out / INDEX).read_text()
    line = "from .shop.mine import model as shop__mine\nfrom .shop.sales.customers"
    text = text.replace("from .shop.sales.customers", line)
    text = text.replace("    shop__sales__c", "    shop__mine,\n    shop__sales__c")
    (out / INDEX).write_text(text)
    assert edited(out, rendered(*THREE)) == {INDEX}


def test_a_deleted_module_is_no_edit_of_the_index(out: Path) -> None:
    (out / MODEL).unlink()
    assert edited(out, rendered(*OTHER)) == set()
    append(out / INDEX)
    assert edited(out, rendered(*OTHER)) == {INDEX}


def test_an_edit_that_is_what_comes_next_is_none(out: Path) -> None:
    """Somebody applied the output of --diff, or checked a newer branch's file out."""
    for file in rendered(*OTHER, data_hash="2"):
        (out / file.path).parent.mkdir(parents=True, exist_ok=True)
        (out / file.path).write_text(file.text)
    assert edited(out, rendered(*OTHER, data_hash="2")) == set()


def test_an_older_banner_without_a_digest_is_not_called_edited(out: Path) -> None:
    for path in ("definitions.py", MODEL):
        text = (out / path).read_text()
        (out / path).write_text(f"{BANNER} Do not edit.\n{text.partition(chr(10))[2]}# mine\n")
    changes = {str(change.path): change for change in compare(rendered(*THREE), out)}
    assert changes["definitions.py"].status is changes[MODEL].status is Status.CHANGED
    assert edited(out, rendered(*THREE)) == set()


def test_an_emptied_file_is_not_called_edited(out: Path) -> None:
    (out / MODEL).write_text("")
    assert edited(out, rendered(*THREE)) == set()


# ---- another template of the list of modules than the one that wrote it


def own_index(out: Path, header: str) -> Index:
    """Return how the lists are made with a template of the user's that has such a header."""
    folder = out.parent / "templates"
    folder.mkdir(exist_ok=True)
    template = (template_dir() / "models.py.jinja").read_text()
    text = template.replace("MODELS: tuple", f"{header}\nMODELS: tuple")
    (folder / "models.py.jinja").write_text(text)
    config = Config((HERE,), out, templates=folder)
    return Index(partial(render_index, config), partial(is_own_index, config))


def is_list_edited(out: Path, index: Index) -> bool:
    changes = {str(each.path): each for each in comparing.compare(rendered(*OTHER), out, index)}
    return changes[INDEX].edited


@pytest.fixture
def own(out: Path) -> Path:
    """Return a package whose list of modules a template of the user's made."""
    index = own_index(out, "# all of them")
    modules = [path.relative_to(out / "models") for path in (out / "models").rglob("*.py")]
    names = [path.with_suffix("").parts for path in modules if path.name != "__init__.py"]
    text = index.render("models", sorted(tuple(map(Identifier, each)) for each in names))
    assert "# all of them" in text
    (out / INDEX).write_text(text)
    return out


@pytest.mark.parametrize("header", ["# all of them", "# every one", "__all__ = ['MODELS']"])
def test_a_changed_template_of_ones_own_is_no_edit(own: Path, header: str) -> None:
    assert not is_list_edited(own, own_index(own, header))
    (own / MODEL).unlink()
    assert not is_list_edited(own, own_index(own, header))


def test_a_template_that_is_the_first_of_ones_own_makes_no_edit(out: Path) -> None:
    assert not is_list_edited(out, own_index(out, "# all of them"))


def without_an_import(text: str) -> str:
    return "".join(line for line in text.splitlines(True) if not line.startswith("from .shop.st"))


def without_an_entry(text: str) -> str:
    return text.replace("    shop__sales__orders,\n", "")


def with_an_entry_of_ones_own(text: str) -> str:
    return f"{text}from .shop.mine import model as mine\nMODELS += (mine,)\n"


def in_a_conflict(text: str) -> str:
    return f"<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> other\n"


@pytest.mark.parametrize(
    "edit", [without_an_import, without_an_entry, with_an_entry_of_ones_own, in_a_conflict]
)
@pytest.mark.parametrize("header", ["# all of them", "# every one"])
def test_what_it_lists_still_counts(own: Path, edit: Callable[[str], str], header: str) -> None:
    (own / "models" / "shop" / "mine.py").write_text("model = 1\n")
    text = (own / INDEX).read_text()
    (own / INDEX).write_text(edit(text))
    assert (own / INDEX).read_text() != text
    assert is_list_edited(own, own_index(own, header))


def test_a_list_of_another_version_of_ours_is_no_edit(out: Path) -> None:
    text = (out / INDEX).read_text()
    (out / INDEX).write_text(text.replace("MODELS: tuple", "# all of them\nMODELS: tuple"))
    assert INDEX in edited(out, rendered(*OTHER))
    definitions = (out / "definitions.py").read_text()
    (out / "definitions.py").write_text(definitions.replace(f'"{__version__}"', '"0.0.1"'))
    assert INDEX not in edited(out, rendered(*OTHER))
    (out / INDEX).write_text(without_an_entry(text))
    assert INDEX in edited(out, rendered(*OTHER))


def test_a_template_that_lists_in_a_way_of_its_own(own: Path) -> None:
    (own / INDEX).write_text(f"{BANNER}\n\nMODELS = tuple(found())\n")
    assert not is_list_edited(own, own_index(own, "# all of them"))


# ---- the command line


@pytest.mark.sqlmesh
def test_the_command_line_says_so_before_it_overwrites(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("a", "b")
    shop = write_project(
        tmp_path / "shop",
        {f"models/{name}.sql": model_file(f"shop.{name}") for name in names},
    )
    arguments = [str(shop), "-o", str(tmp_path / "defs"), "--quiet"]
    a, b = (tmp_path / "defs" / "models" / "warehouse" / "shop" / f"{name}.py" for name in names)
    assert main(arguments) == 0
    assert "by hand" not in "".join(capsys.readouterr())
    append(a)
    append(b)
    (shop / "models" / "b.sql").unlink()
    before = a.read_bytes()
    assert main([*arguments, "--check"]) == 1
    checked = capsys.readouterr().out.splitlines()
    assert f"{a} was edited by hand" in checked
    assert f"{b} was edited by hand and is no longer generated" in checked
    assert a.read_bytes() == before
    assert main(arguments) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"note: {a} was edited by hand: it is overwritten",
        f"note: {b} was edited by hand: it is removed",
    ]
    assert main([*arguments, "--check"]) == 0


# ---- git


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    subprocess.run([GIT, *identity, *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--message", "generated")


@pytest.mark.sqlmesh
def test_what_git_merged_is_not_edited(tmp_path: Path) -> None:
    """Two branches add a model each; the merge is what a generation of both would write."""
    out = tmp_path / "defs"
    many = [f"shop.sales.m{number}" for number in range(10, 30)]
    git(tmp_path, "init", "--initial-branch", "main")
    generate(out, *many)
    commit(tmp_path)
    git(tmp_path, "switch", "--create", "early")
    generate(out, *many, "shop.sales.m11_early")
    commit(tmp_path)
    git(tmp_path, "switch", "--create", "late", "main")
    generate(out, *many, "shop.sales.m27_late")
    commit(tmp_path)
    git(tmp_path, "merge", "early")
    merged = rendered(*many, "shop.sales.m11_early", "shop.sales.m27_late")
    assert {change.status for change in compare(merged, out)} == {Status.UNCHANGED}
    assert edited(out, rendered(*many)) == set()
    append(out / INDEX)
    assert edited(out, rendered(*many)) == {INDEX}


@pytest.mark.sqlmesh
def test_a_checkout_with_other_line_endings_is_current_and_keeps_them(tmp_path: Path) -> None:
    out = tmp_path / "defs"
    git(tmp_path, "init", "--initial-branch", "main")
    generate(out, *THREE)
    commit(tmp_path)
    shutil.rmtree(out)
    git(tmp_path, "config", "core.autocrlf", "true")
    git(tmp_path, "checkout", "--", ".")
    assert b"\r\n" in (out / MODEL).read_bytes()
    assert {change.status for change in compare(rendered(*THREE), out)} == {Status.UNCHANGED}
    changes = compare(rendered(*THREE, data_hash="2"), out)
    assert not [change for change in changes if change.edited]
    (change,) = (each for each in changes if each.path == PurePosixPath(MODEL))
    # Banner and code version: two lines out, two lines in.
    assert len([line for line in change.diff() if line[0] in "+-" and line[1] not in "+-"]) == 4
    apply(changes, out)
    git(tmp_path, "config", "core.safecrlf", "false")
    git(tmp_path, "add", "--all")
    done = subprocess.run(
        [GIT, "diff", "--cached", "--numstat", f"defs/{MODEL}"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split()[:2] == ["2", "2"]


def test_mixed_line_endings_are_a_difference_and_no_edit(out: Path) -> None:
    text = (out / MODEL).read_bytes()
    (out / MODEL).write_bytes(text.replace(b"\n", b"\r\n", 3))
    changes = {str(change.path): change for change in compare(rendered(*THREE), out)}
    assert changes[MODEL].status is Status.CHANGED
    assert not changes[MODEL].edited
    generate(out, *THREE)
    assert (out / MODEL).read_bytes() == text
