"""Photographs Dagster's pages of the example in Chromium, and asserts what they say.

    apt-get install chromium
    pip install playwright
    PYTHONPATH=tests python tests/pictures/take.py FOLDER

FOLDER gets all pictures, and `generated_example` those of the READMEs: look at each of them before
you commit it. CI does not run this, because it has no Chromium: `test_pages.py` asks Dagster's
GraphQL for the same.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps
from playwright.sync_api import Page, expect, sync_playwright

from pictures.stage import LATE, LOCATION, Stage

EXAMPLE = Path(__file__).parents[2] / "generated_example"
CHROMIUM = "/usr/bin/chromium"
PATIENCE_MS = 120_000
LEFT, TOP = 240, 0  # the corner right of the navigation
GROUPS = ("live", "marts", "raw", "staging")
FACETS = ("checks", "status", "kind-tag")
GRAPH = "/asset-groups?expanded=" + ",".join(f"global@global:{group}" for group in GROUPS)
OF_READMES = {"asset_graph", "asset_page", "asset_checks"}


@dataclass(frozen=True)
class Picture:
    """A page, what it says, and what it must not say.

    The picture is `width` and `height` from `corner`, drawn `scale` times as large.
    """

    name: str
    address: str
    says: Sequence[str]
    width: int = 1160
    height: int = 880
    corner: tuple[int, int] = (LEFT, TOP)
    scale: float = 1.0
    says_not: Sequence[str] = ()


def asset(name: str, **parameters: str) -> str:
    """Return the address of an asset's page."""
    query = "&".join(f"{key}={value}" for key, value in parameters.items())
    return f"/assets/shop/{name.replace('.', '/')}?{query}"


def check(name: str, check: str) -> str:
    """Return the address of an asset's check."""
    return asset(name, view="checks", checkDetail=check)


def after_the_good_run(stage: Stage) -> Sequence[Picture]:
    """Return the pictures of a run in which everything went well."""
    return (
        Picture(
            "asset_graph",
            GRAPH,
            ("customer_segments", "Python", "Seed", "View", "4 / 4 Passed"),
            width=1150,
            height=1900,
            corner=(LEFT + 300, 110),  # and right of the list of groups
            scale=0.65,
            says_not=("Failed", "Never materialized"),
        ),
        Picture(
            "asset_page",
            asset("marts.customers"),
            (
                "FULL model, every day at 00:00 UTC (cron @daily), grain customer_id",
                "The account's number",
                "shop.marts.customers",
                "customers.sql",
                "Fails if more than 25 hours since last materialization",
                "c.customer_id::INT, -- The account's number",
            ),
            says_not=('"country_name"', "[Show JSON]"),
        ),
        Picture(
            "schedule",
            f"/locations/__repository__@{LOCATION}/schedules/sqlmesh_adaptive_schedule",
            ("Ticks at the crons of the models. Requests a run of those that are due.",),
            height=420,
        ),
        Picture("good_run", f"/runs/{stage.good}", ("sqlmesh_job", "Success")),
    )


def after_the_bad_run(stage: Stage) -> Sequence[Picture]:
    """Return the pictures of a run in which one audit blocked and one warned."""
    return (
        Picture(
            "asset_checks",
            check("staging.order_items", "assert_at_least"),
            (
                "SQLMesh audit assert_at_least(column := quantity, minimum := 1): "
                "SQLMesh stops downstream models when it fails",
                "6 rows failed",
                "column := quantity, minimum := 1",
            ),
            height=640,
            says_not=("[Show JSON]",),
        ),
        Picture(
            "warning",
            check("staging.customers", "not_null_non_blocking"),
            ("warns only", "4 rows failed"),
            height=640,
        ),
        Picture(
            "skipped",
            check("marts.daily_revenue", "sqlmesh_execution_status"),
            ("skipped: because shop.staging.order_items failed",),
        ),
        Picture(
            "bad_run",
            f"/runs/{stage.bad}",
            (
                "SQLMesh could not evaluate 1 model: shop.staging.order_items: "
                "Audits failed: assert_at_least.",
                "Not due, although Dagster shows them as failed: shop.marts.customer_segments",
            ),
        ),
        Picture("late_asset", asset(LATE), ("Freshness policyFailed",)),
    )


def take(page: Page, stage: Stage, picture: Picture, folder: Path) -> None:
    """Photograph a page as soon as it says what it has to say."""
    x, y = picture.corner
    page.set_viewport_size({"width": x + picture.width, "height": y + picture.height})
    page.goto(stage.web.url + picture.address)
    body = page.locator("body")
    for text in picture.says:
        expect(body).to_contain_text(text, timeout=PATIENCE_MS)
    for text in picture.says_not:
        expect(body).not_to_contain_text(text, timeout=PATIENCE_MS)
    page.wait_for_load_state("networkidle")
    file = folder / f"{picture.name}.png"
    page.screenshot(
        path=file,
        clip={"x": x, "y": y, "width": picture.width, "height": picture.height},
        animations="disabled",
    )
    smaller = ImageOps.scale(Image.open(file).convert("RGB"), picture.scale)
    smaller.quantize(256).save(file, optimize=True)
    if picture.name in OF_READMES:
        shutil.copy(file, EXAMPLE)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    stage = Stage(Path(tempfile.mkdtemp(prefix="shop-")))
    stage.prepare(EXAMPLE)
    try:
        stage.start()
        with sync_playwright() as playwright:
            # As root, Chromium starts without its sandbox only.
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page()
            facets = json.dumps(json.dumps(FACETS))
            page.add_init_script(f"localStorage.setItem('asset-node-facets', {facets})")
            for picture in after_the_good_run(stage):
                take(page, stage, picture, folder)
            stage.fail()
            stage.wait_for_late_model()
            for picture in after_the_bad_run(stage):
                take(page, stage, picture, folder)
            browser.close()
    finally:
        stage.processes.stop_all()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
