"""What a generation is made from, and when that cannot be known."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.cache import inputs
from dg_sqlmesh_codegen.config.model import Config
from projects import DUCKDB, model, write_project

MACRO = "from sqlmesh import macro\nfrom lib.helper import number\n"
FILES = {
    "macros/numbers.py": MACRO,
    "lib/helper.py": "def number():\n    return 11\n",
    "seeds/countries.csv": "code\nde\n",
    "models/countries.sql": model("a.countries", "", kind="SEED (path '../seeds/countries.csv')"),
    "models/one.sql": model("a.one"),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SQLMESH_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return write_project(tmp_path / "project", FILES)


def look(project: Path, out: str = "defs", **keys: object) -> inputs.Inputs | None:
    return inputs.inputs_of(Config(projects=(project,), out=project.parent / out, **keys))  # type: ignore[arg-type]


def write(path: str, text: str) -> Callable[[Path], object]:
    def edit(project: Path) -> None:
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text, encoding="utf-8")

    return edit


# What is done, and whether SQLMesh's own cache of the models can be used all the same.
CHANGES: dict[str, tuple[Callable[[Path], object], bool]] = {
    "a model": (write("models/one.sql", model("a.one", "SELECT 2 AS id")), True),
    "a new model": (write("models/two.sql", model("a.two")), True),
    "a deleted model": (lambda project: (project / "models/one.sql").unlink(), True),
    "a seed": (write("seeds/countries.csv", "code\nfr\n"), False),
    "what a macro imports": (write("lib/helper.py", "def number():\n    return 12\n"), False),
    "the configuration": (write("config.yaml", DUCKDB + "# more\n"), False),
    "an env file": (write(".env", "X=1\n"), False),
    "any file": (write("data/anything.txt", "x"), False),
    "the user's configuration": (write("../home/config.yaml", "x: 1"), False),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen(name: str, project: Path) -> None:
    change, shares = CHANGES[name]
    before = look(project)
    assert before
    assert look(project) == before
    change(project)
    after = look(project)
    assert after
    assert after != before
    assert (after.shared == before.shared) == shares


def test_times_and_what_tools_leave_behind_do_not_count(project: Path) -> None:
    before = look(project)
    for file in project.rglob("*.sql"):
        os.utime(file, (0, 0))
    for path in (".cache/x", "logs/x.log", "__pycache__/x.pyc", "warehouse.duckdb", ".git/HEAD"):
        write(path, "x")(project)
    inside = look(project, "project/dagster/defs")
    write("dagster/defs/models/a.py", "x")(project)
    assert look(project, "project/dagster/defs") == inside
    (project / "dagster/defs/models/a.py").unlink()
    write("../defs/models/a.py", "x")(project)
    write(".env-of-python/pyvenv.cfg", "")(project)
    write(".env-of-python/lib/x.py", "import os")(project)
    assert look(project) == before


def test_a_link_to_a_folder_above_is_followed_once(project: Path) -> None:
    for name in ("one", "two"):
        (project / "models" / name).symlink_to(project)
    inputs_with_links = look(project)
    assert inputs_with_links
    assert len(inputs_with_links.models) == 2


def test_a_large_file_is_not_read_and_not_believed_as_a_seed(project: Path) -> None:
    before = look(project)
    with (project / "data.csv").open("wb") as file:
        file.truncate(2**25 + 1)
    assert look(project) == before
    (project / "data.csv").rename(project / "seeds" / "countries.csv")
    assert look(project) is None


def test_other_keys_of_the_configuration_are_other_inputs(project: Path) -> None:
    looks = [look(project), look(project, "other"), look(project, environment="dev")]
    looks.append(look(project, templates=project / "seeds"))
    assert len({repr(each) for each in looks}) == len(looks)
    assert look(project, translator="house:Translator") is None  # it may read anything


@pytest.mark.parametrize("variable", ["SHOP_DB", "SHOP_STAGE", "SQLMESH__X", "sqlmesh__x", "HOME"])
def test_a_variable_that_a_load_reads(
    variable: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("config.yaml", DUCKDB.replace("warehouse", "{{ env_var('SHOP_DB') }}"))(project)
    write(".env", "OTHER=${SHOP_STAGE}_db\n")(project)
    before = look(project)
    assert before
    monkeypatch.setenv("SHOP_NOTHING", "1")
    assert look(project) == before
    monkeypatch.setenv(variable, "another")
    assert look(project) != before


def seed(path: str) -> Callable[[Path], object]:
    text = model("a.countries", "", kind=f"SEED (path '{path}')")
    return write("models/countries.sql", text)


UNKNOWABLE: dict[str, Callable[[Path], object]] = {
    "a module that a macro imports": write("lib/helper.py", "import os\n"),
    "Python that is none": write("macros/more.py", "def\n"),
    "a variable that is computed": write("config.yaml", DUCKDB + "# {{ env_var('A' ~ 'B') }}\n"),
    "a seed elsewhere": seed("../../x.csv"),
    "a seed with a computed path": seed("../seeds/@{name}.csv"),
    "a seed in a file that is not read": seed("../warehouse.duckdb"),
    "a dbt project": write("dbt_project.yml", "name: x\n"),
    "a template of the user's configuration": write("../home/config.yaml", "x: {{ user() }}"),
}


@pytest.mark.parametrize("name", UNKNOWABLE)
def test_what_cannot_be_known(name: str, project: Path) -> None:
    assert look(project)
    UNKNOWABLE[name](project)
    assert look(project) is None
