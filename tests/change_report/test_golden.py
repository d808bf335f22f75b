"""The summary of one real change to the example project, compared with golden files.

After an intended change, run `UPDATE_GOLDEN=1 python -m pytest tests/change_report` and review the
difference. `change_report/README.md` shows `readme.md`.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dg_sqlmesh_codegen.change_report import Format, Summary, summary_of, text_of
from dg_sqlmesh_codegen.config.model import Config
from dg_sqlmesh_codegen.output.compare import Change
from dg_sqlmesh_codegen.output.report import Mode
from dg_sqlmesh_codegen.pipeline import generate

pytestmark = [pytest.mark.sqlmesh, pytest.mark.xdist_group("change_report")]

GOLDEN = Path(__file__).parent.parent / "golden" / "change_report"

# File, old text, new text.
EDITS = (
    ("macros/money.py", '"DECIMAL(18, 2)"', '"DECIMAL(18, 4)"'),
    ("models/marts/monthly_revenue.sql", "SUM(pieces)::BIGINT", "SUM(pieces)::INT"),
    ("models/marts/mailing_list.sql", "name marts.mailing_list", "name crm.mailing_list"),
    ("models/marts/customers.sql", "owner analytics", "owner crm"),
    ("models/live/open_orders.sql", "'*/5 * * * *'", "'*/15 * * * *'"),
    ("models/staging/orders.sql", "threshold := 100, blocking := false", "threshold := 100"),
)
RETURNS = """/* Products that were sent back */
MODEL (
  name marts.returns,
  kind FULL,
  owner finance,
  tags ('dagster:group_name:marts'),
  audits (not_null(columns := (product_id)))
);

SELECT
  product_id::INT,
  SUM(quantity)::BIGINT AS pieces
FROM staging.order_items
GROUP BY
  product_id
"""


# A smaller change for the README: a new model, a macro, and an audit that now blocks.
IN_THE_README = ("returns", "order_items", "product_sales", "orders")


@pytest.fixture(scope="module")
def changes(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Change, ...]:
    """The changes that a generation finds after the edits.

    Before them the installed SQLMesh generates the package: each computes its own fingerprints.
    """
    folder = tmp_path_factory.mktemp("example")
    example = root / "generated_example"
    shutil.copytree(
        example / "shop", folder / "shop", ignore=shutil.ignore_patterns(".cache", "*.duckdb*")
    )
    shutil.copytree(example / "defs", folder / "defs", ignore=shutil.ignore_patterns("__pycache__"))
    config = Config(projects=(folder / "shop",), out=folder / "defs")
    generate(config)
    for path, old, new in EDITS:
        edit(folder / "shop" / path, old, new)
    (folder / "shop/models/marts/returns.sql").write_text(RETURNS)
    (folder / "shop/models/live/reserved_stock.sql").unlink()
    return generate(config, Mode.CHECK).changes


@pytest.fixture(scope="module")
def summary(changes: tuple[Change, ...]) -> Summary:
    """The summary of `--check --summary`."""
    return summary_of(Path("defs"), changes=changes)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, f"{file}: {old}"
    file.write_text(text.replace(old, new))


def test_markdown(summary: Summary) -> None:
    expect("example.md", text_of(summary, Format.MARKDOWN))


def test_readme(changes: tuple[Change, ...]) -> None:
    """Each model has its own file, so some of the files are the result of some of the edits."""
    some = [
        each if each.path.stem in IN_THE_README else replace(each, new=each.old) for each in changes
    ]
    expect("readme.md", text_of(summary_of(Path("defs"), changes=some)))


def test_json(summary: Summary) -> None:
    """Code versions differ between SQLMesh's versions, so a placeholder replaces them."""
    text = text_of(summary, Format.JSON)
    expect("example.json", re.sub(r'("(?:code_version|old|new)": )"\d+"', r'\1"1"', text))


def expect(name: str, text: str) -> None:
    """Compare with a golden file, or write it."""
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.mkdir(parents=True, exist_ok=True)
        (GOLDEN / name).write_text(text, encoding="utf-8")
    assert text == (GOLDEN / name).read_text(encoding="utf-8")
