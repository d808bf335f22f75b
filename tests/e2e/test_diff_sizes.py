"""What an edit of the SQLMesh project costs in a pull request: files and lines of the package.

The numbers are in one table, in generated_example/README.md: it names every file that an edit may
touch. After a change of the layout write the table again and review its diff:

    UPDATE_DIFF_TABLE=1 python -m pytest tests/e2e/test_diff_sizes.py
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.pipeline import generate
from dg_sqlmesh_codegen.version import __version__
from e2e.repository import FileDiff, Repository
from projects import model

pytestmark = pytest.mark.process

BEGIN, END = "<!-- diff table -->\n", "<!-- /diff table -->\n"
WORDS = {"A": "new", "M": "changed", "R": "renamed", "D": "removed"}

Change = Callable[[Repository], object]


def replacing(path: str, old: str, new: str) -> Change:
    """Return an edit of one place in a file of the project."""
    return lambda repository: repository.replace(f"shop/{path}", old, new)


def adding(name: str, query: str) -> Change:
    """Return an edit that adds a model to the project."""
    path = f"shop/models/{name.replace('.', '/')}.sql"
    return lambda repository: repository.write(path, model(name, query, kind="FULL"))


def moving(old: str, new: str) -> Change:
    """Return an edit that moves a file of the project."""
    return lambda repository: repository.git("mv", f"shop/{old}", f"shop/{new}")


MAILING_LIST = "models/marts/mailing_list.sql"
MONTHLY, BY_DAY = "models/marts/monthly_revenue.sql", "models/marts/revenue_by_day.sql"
UNIT_TEST = "tests/test_daily_revenue.yaml"
UPGRADE = "Upgrade this tool"
EDITS: dict[str, tuple[Change, ...]] = {
    "Change a model's SQL": (
        replacing("models/marts/product_sales.sql", " DESC NULLS LAST", " DESC"),
    ),
    "Add a column": (
        replacing(
            MAILING_LIST, "c.email::TEXT,", "c.signed_up_on::DATE, -- Since when\n  c.email::TEXT,"
        ),
    ),
    "Add a column to a model that four others read": (
        replacing(
            "models/staging/orders.sql",
            "  customer_id::INT,",
            "  CURRENT_TIMESTAMP::TIMESTAMP AS loaded_at,\n  customer_id::INT,",
        ),
    ),
    "Add an audit": (
        replacing(MAILING_LIST, "(email))", "(email)),\n    not_null(columns := (customer_id))"),
    ),
    "Add a second use of an audit": (
        replacing(
            MAILING_LIST, "(email))", "(email)),\n    unique_values(columns := (customer_id))"
        ),
    ),
    "Change an audit that three models use": (
        replacing("audits/assert_at_least.sql", "< @minimum", "< @minimum OR @column IS NULL"),
    ),
    "Change a description": (
        replacing(MAILING_LIST, "Whom the newsletter goes to", "Who gets the newsletter"),
    ),
    "Change a cron, the schedule stays": (
        replacing("models/marts/product_sales.sql", "'30 6 * * *'", "'45 6 * * *'"),
    ),
    "Change a cron, and with it the schedule": (
        replacing("models/live/open_orders.sql", "'*/5 * * * *'", "'*/10 * * * *'"),
    ),
    "Add a model at the top of the DAG": (
        adding("staging.emails", "SELECT email::TEXT FROM source.customers"),
    ),
    "Add a model in the middle, and read it in another": (
        adding("marts.net_revenue", "SELECT * FROM marts.daily_revenue"),
        replacing(MONTHLY, "FROM marts.daily_revenue", "FROM marts.net_revenue"),
    ),
    "Add the first model of a schema": (
        adding("export.emails", "SELECT email::TEXT FROM staging.customers"),
    ),
    "Remove a model": (lambda repository: repository.git("rm", f"shop/{MAILING_LIST}"),),
    "Rename a model that another one reads": (
        moving("models/marts/daily_revenue.sql", BY_DAY),
        replacing(BY_DAY, "marts.daily_revenue", "marts.revenue_by_day"),
        replacing(MONTHLY, "marts.daily_revenue", "marts.revenue_by_day"),
        # SQLMesh loads the unit tests only to run them; a team renames the model there, too.
        replacing(UNIT_TEST, "model: marts.daily_revenue", "model: marts.revenue_by_day"),
    ),
    "Move a model's file": (moving(MAILING_LIST, "models/mailing_list.sql"),),
    "Change a macro that two models use": (
        replacing("macros/money.py", "exp.paren(cents) / 100", "exp.paren(cents) * 0.01"),
    ),
    "Change a seed's data": (
        replacing("seeds/countries.csv", "FR,France,Europe", "FR,La France,Europe"),
    ),
    "Change a unit test": (replacing(UNIT_TEST, "test_", "test_that_"),),
    UPGRADE: (),
}


@pytest.fixture
def example(root: Path, tmp_path: Path) -> Repository:
    """The example in a repository of its own."""
    repository = Repository.create(tmp_path / "example")
    for name in ("shop", "defs"):
        shutil.copytree(root / "generated_example" / name, repository.folder / name)
    repository.commit()
    return repository


def test_the_table_of_the_example_has_the_measured_numbers(root: Path, example: Repository) -> None:
    measured = {title: diff(example, title) for title in EDITS}
    table = "".join(f"{line}\n" for line in _table(measured))
    readme = root / "generated_example" / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    block, after = rest.split(END)
    if os.environ.get("UPDATE_DIFF_TABLE"):
        readme.write_text(f"{before}{BEGIN}{table}{END}{after}", encoding="utf-8")
        return

    assert block == table, f"set UPDATE_DIFF_TABLE=1 to write what was measured into {readme}"


def diff(example: Repository, title: str) -> set[FileDiff]:
    """Return what an edit changes in the package; every edit starts from the same commit."""
    example.clean()
    for change in EDITS[title]:
        change(example)
    with pytest.MonkeyPatch.context() as patch:
        if title == UPGRADE:  # every module of the tool that knows the version knows a later one
            for name, module in list(sys.modules.items()):
                ours = name.startswith("dg_sqlmesh_codegen")
                if ours and vars(module).get("__version__") == __version__:
                    patch.setattr(module, "__version__", "99.0.0")
        generate(Config(projects=(example.folder / "shop",), out=example.folder / "defs"))
    return example.diff("defs")


def _table(measured: dict[str, set[FileDiff]]) -> Iterator[str]:
    yield "| edit of the SQLMesh project | files of the package | lines | which |"
    yield "|---|---|---|---|"
    for title, files in measured.items():
        old = [file for file in files if file.status in "MR"]  # the lines of new files do not count
        lines = f"+{sum(f.added for f in old)} -{sum(f.removed for f in old)}" if old else ""
        counts = {word: sum(f.status == letter for f in files) for letter, word in WORDS.items()}
        said = ", ".join(f"{number} {word}" for word, number in counts.items() if number) or "none"
        ordered = sorted(files, key=lambda file: (list(WORDS).index(file.status), file.path))
        paths = [file.path.removeprefix("defs/").removeprefix("models/shop/") for file in ordered]
        yield f"| {title} | {said} | {lines} | {', '.join(f'`{path}`' for path in paths)} |"
