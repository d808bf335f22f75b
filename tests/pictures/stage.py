"""The example in Dagster's web server and daemon, after a good run and one with failed audits."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from e2e.server.processes import Processes, WebServer, script
from e2e.shop import run
from e2e.waiting import wait_until

# Of a module that Dagster loads, so it is the name on the pages.
LOCATION = "defs.definitions"
LATE = "live.open_orders"
# The model is due every five minutes; with a minute nobody has to wait until it is late.
_TAGS = "tags ('dagster:group_name:live'"
_REPOSITORY = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__"}
_LAUNCH = """mutation ($parameters: ExecutionParams!) {
  launchRun(executionParams: $parameters) { ... on LaunchRunSuccess { run { runId } } } }"""
_FRESHNESS = """query ($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) {
  ... on AssetNode { freshnessStatusInfo { freshnessStatus } } } }"""
_STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


@dataclass
class Stage:
    """A folder with a copy of the example, its database and DAGSTER_HOME, and what runs there.

    `good` and `bad` are the ids of the two runs. In the second, one audit blocks and one warns.
    """

    folder: Path
    good: str = ""
    bad: str = ""
    processes: Processes = field(init=False)
    web: WebServer = field(init=False)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "SHOP_DATABASE": str(self.folder / "shop.duckdb"),
            "DAGSTER_HOME": str(self.folder / "home"),
            "DAGSTER_DISABLE_TELEMETRY": "true",
        }

    def prepare(self, example: Path) -> None:
        """Copy the example, plan it as of two days ago, and generate with `freshness`."""
        shutil.copytree(example / "shop", self.folder / "shop")
        home = Path(self.environment["DAGSTER_HOME"])
        home.mkdir()
        # No dialog asks to join Dagster's community.
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n")
        model = (self.folder / "shop/models" / LATE.replace(".", "/")).with_suffix(".sql")
        text = model.read_text(encoding="utf-8")
        assert _TAGS in text
        model.write_text(text.replace(_TAGS, f"{_TAGS}, 'dagster:freshness:1m'"), encoding="utf-8")
        self.load_sources()
        generate = [sys.executable, "-m", "dg_sqlmesh_codegen", "shop", "-o", "defs"]
        self._run(*generate, "--set", "freshness=true", "--quiet")
        plan = ["plan", "--auto-apply", "--no-prompts", "--execution-time", "2 days ago"]
        self._run(script("sqlmesh"), "-p", "shop", *plan)
        with dg.DagsterInstance.from_config(str(home)):
            pass  # its tables are made before several processes ask for them at once

    def start(self) -> None:
        """Start the web server and the daemon, and make both runs."""
        self.processes = Processes(self.folder, self.environment)
        self.processes.start_daemon("-m", LOCATION)
        self.web = self.processes.start_web_server("-m", LOCATION)
        self.good = self._launch("SUCCESS")

    def fail(self) -> None:
        """Damage the source data, and run the models as of tomorrow."""
        self.load_sources("--break")
        self.bad = self._launch("FAILURE", execution_time="tomorrow", end="tomorrow")

    def wait_for_late_model(self) -> None:
        """Wait until the daemon has found out. A page that is open does not show it."""
        wait_until(lambda: self.freshness(LATE) == "DEGRADED", f"{LATE} is late")

    def freshness(self, model: str) -> str:
        """Return what the freshness policy of a model says."""
        found = self.web.ask(_FRESHNESS, key={"path": ["shop", *model.split(".")]})
        return str(found["freshnessStatusInfo"]["freshnessStatus"])

    def load_sources(self, *arguments: str) -> None:
        self._run(sys.executable, "shop/load_sources.py", *arguments)

    def _run(self, *command: str) -> None:
        run(command, self.folder, **self.environment)

    def _launch(self, expected: str, **config: str) -> str:
        parameters: Mapping[str, object] = {
            "selector": {**_REPOSITORY, "jobName": "sqlmesh_job"},
            "runConfigData": {"ops": {"sqlmesh_models": {"config": config}}},
            "mode": "default",
        }
        run_id = str(self.web.ask(_LAUNCH, parameters=parameters)["run"]["runId"])

        def ended() -> str | None:
            status = str(self.web.ask(_STATUS, id=run_id)["status"])
            return status if status in ("SUCCESS", "FAILURE") else None

        assert wait_until(ended, f"run {run_id} ends") == expected
        return run_id
