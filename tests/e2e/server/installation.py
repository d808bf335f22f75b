"""A Dagster installation of real processes: code server, web server, daemon, PostgreSQL storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import yaml
from dagster._core.scheduler import instigation as dg_ticks

from e2e.outcome import Outcome
from e2e.server.processes import Processes, WebServer, free_port, script
from e2e.waiting import wait_until

LOCATION = "depot"
MODELS_JOB = "sqlmesh_job"
SCHEDULE = "sqlmesh_adaptive_schedule"
ASSET_JOB = "__ASSET_JOB"  # what the UI runs for "materialize selected"
MULTIPROCESS: Mapping[str, object] = {}  # the default
IN_PROCESS: Mapping[str, object] = {"execution": {"config": {"in_process": {}}}}

# The daemon looks every second, so that the tests need not wait for it.
_COORDINATOR = {
    "module": "dagster",
    "class": "QueuedRunCoordinator",
    "config": {"dequeue_interval_seconds": 1},
}

# The generated op as a user has it who wants another attempt when the warehouse was away.
_WITH_RETRIES = (
    "can_subset=True,",
    "can_subset=True,\n    retry_policy=dg.RetryPolicy(max_retries=3, delay=1),",
)

_WORKSPACE = """
load_from:
  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: {name}}}
"""


@dataclass
class Installation:
    """The folder with the project, the packages and DAGSTER_HOME, and what runs on it.

    Args:
        folder: holds `depot/` (SQLMesh), `defs/` (generated) and `platform_defs.py` (by hand).
        environment: of every process.
    """

    folder: Path
    environment: dict[str, str]
    processes: Processes = field(init=False)
    instance: dg.DagsterInstance = field(init=False)
    web: WebServer = field(init=False)

    @property
    def home(self) -> Path:
        return self.folder / "dagster_home"

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace.yaml"

    def write(self, example: Path, storage_url: str) -> None:
        """Write the instance's dagster.yaml, on the example's, and the hand-written package."""
        write_instance(self.home, example, storage_url)
        (self.folder / "platform_defs.py").write_text(_PLATFORM, encoding="utf-8")
        definitions = self.folder / "defs" / "definitions.py"
        text = definitions.read_text(encoding="utf-8")
        definitions.write_text(text.replace(*_WITH_RETRIES), encoding="utf-8")
        self.environment["DAGSTER_HOME"] = str(self.home)
        self.environment["PYTHONPATH"] = str(self.folder)
        self.processes = Processes(self.folder, self.environment)
        self.instance = dg.DagsterInstance.from_config(str(self.home))

    def start(self) -> None:
        """Start the code server, the web server and the daemon, and wait until they answer."""
        port = free_port()
        self.workspace.write_text(_WORKSPACE.format(port=port, name=LOCATION))
        code = [script("dagster"), "api", "grpc", "-m", "platform_defs", "-p", str(port)]
        self.processes.start_listening("code-server", code, port)
        self.start_daemon()
        self.web = self.processes.start_web_server("-w", str(self.workspace))

    def start_daemon(self) -> None:
        """Start the daemon: scheduler, run queue, run monitoring."""
        self.processes.start_daemon("-w", str(self.workspace))

    def stop(self) -> None:
        """Stop everything."""
        self.processes.stop_all()
        self.instance.dispose()

    # What a person does in the UI, through the same GraphQL.

    def graphql(self, query: str, **variables: object) -> Mapping[str, Any]:
        """Send a query or a mutation and return its one field's value."""
        value = self.web.ask(query, **variables)
        assert isinstance(value, dict)
        assert value["__typename"] in _GOOD, value
        return value

    def launch(
        self,
        job: str = MODELS_JOB,
        *,
        config: Mapping[str, object] | None = None,
        assets: Sequence[str] = (),
    ) -> str:
        """Launch a job, or some assets (`staging.orders`), and return the run's id."""
        selection = [{"path": list(key(asset).path)} for asset in assets] or None
        parameters = {
            "selector": {**_REPOSITORY, "jobName": job, "assetSelection": selection},
            "runConfigData": config or {},
            "mode": "default",
        }
        return str(self.graphql(_LAUNCH, parameters=parameters)["run"]["runId"])

    def reexecute(self, run_id: str, strategy: str) -> str:
        """Launch a re-execution (`FROM_FAILURE`, `FROM_ASSET_FAILURE`) and return its run's id."""
        parameters = {"parentRunId": run_id, "strategy": strategy}
        return str(self.graphql(_REEXECUTE, parameters=parameters)["run"]["runId"])

    def terminate(self, run_id: str) -> None:
        """Press "Terminate"."""
        self.graphql(_TERMINATE, runId=run_id)

    def start_schedule(self) -> None:
        """Switch the schedule on."""
        self.graphql(_START_SCHEDULE, selector=_SCHEDULE_SELECTOR)

    def stop_schedule(self) -> None:
        """Bring the schedule back to how it was created: stopped."""
        self.graphql(_RESET_SCHEDULE, selector=_SCHEDULE_SELECTOR)

    def test_tick(self) -> Mapping[str, Any]:
        """Press "Test schedule": the code server evaluates today's tick, nothing is launched."""
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        times = {"selector": _SCHEDULE_SELECTOR, "timestamp": midnight.timestamp()}
        tick = self.graphql(_TEST_TICK, **times)
        result = tick["evaluationResult"]
        assert isinstance(result, dict)
        return result

    def require_no_bad_tick(self) -> None:
        """An AssertionError says why the schedule's ticks launched nothing, if one did not."""
        (state,) = self.instance.all_instigator_state()
        for tick in self.instance.get_ticks(state.instigator_origin_id, state.selector_id):
            assert tick.status in (
                dg_ticks.TickStatus.STARTED,
                dg_ticks.TickStatus.SUCCESS,
            ), f"{tick.skip_reason or tick.error}\n{self.processes.log('daemon').read_text()}"

    # What became of a run.

    def status(self, run_id: str) -> dg.DagsterRunStatus:
        """Return a run's status."""
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status

    def wait_for(self, run_id: str, *, status: str = "SUCCESS") -> Outcome:
        """Wait for a run's end, and return what it did; an AssertionError if it ended otherwise."""

        def ended() -> bool:
            run = self.instance.get_run_by_id(run_id)
            return run is not None and run.is_finished

        wait_until(ended, f"run {run_id} ends")
        outcome = self.outcome(run_id)
        said = "\n".join(outcome.messages[-12:])
        assert self.status(run_id).value == status, f"{outcome.failure}\n{said}"
        return outcome

    def outcome(self, run_id: str) -> Outcome:
        """Return what a run has done so far."""
        return Outcome.of(self.instance, run_id)

    def active_runs(self) -> list[dg.DagsterRun]:
        """Return the runs that have not ended."""
        runs = self.instance.get_runs(limit=20)
        return [run for run in runs if not run.is_finished]

    def worker(self, run_id: str) -> psutil.Process:
        """Return the process of a run that has started."""
        logged = self.instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
        pids = [
            int(str(entry.dagster_event.engine_event_data.metadata["pid"].value))
            for entry in logged
            if entry.dagster_event and "pid" in entry.dagster_event.engine_event_data.metadata
        ]
        return psutil.Process(pids[0])

    def kill(self, run_id: str) -> None:
        """Kill a run's worker (`kill -9`), and wait until Dagster has found out."""
        self.worker(run_id).kill()
        self.wait_for(run_id, status="FAILURE")
        logged = [entry.message for entry in self.instance.all_logs(run_id)]
        assert any("terminated by signal 9" in message for message in logged)


_REPOSITORY = {"repositoryLocationName": LOCATION, "repositoryName": "__repository__"}
_SCHEDULE_SELECTOR = {**_REPOSITORY, "scheduleName": SCHEDULE}
_GOOD = {
    "LaunchRunSuccess",
    "TerminateRunSuccess",
    "ScheduleStateResult",
    "DryRunInstigationTick",
}
_ANSWER = "__typename ... on PythonError { message }"
_RUN = f"{_ANSWER} ... on LaunchRunSuccess {{ run {{ runId }} }}"
_LAUNCH = f"""mutation Launch($parameters: ExecutionParams!) {{
  launchRun(executionParams: $parameters) {{ {_RUN} }} }}"""
_REEXECUTE = f"""mutation Again($parameters: ReexecutionParams!) {{
  launchRunReexecution(reexecutionParams: $parameters) {{ {_RUN} }} }}"""
_TERMINATE = f"""mutation Stop($runId: String!) {{ terminateRun(runId: $runId) {{ {_ANSWER} }} }}"""
_START_SCHEDULE = f"""mutation On($selector: ScheduleSelector!) {{
  startSchedule(scheduleSelector: $selector) {{ {_ANSWER} }} }}"""
_RESET_SCHEDULE = f"""mutation Off($selector: ScheduleSelector!) {{
  resetSchedule(scheduleSelector: $selector) {{ {_ANSWER} }} }}"""
_TEST_TICK = f"""mutation Tick($selector: ScheduleSelector!, $timestamp: Float) {{
  scheduleDryRun(selectorData: $selector, timestamp: $timestamp) {{ {_ANSWER}
    ... on DryRunInstigationTick {{ evaluationResult {{
      skipReason error {{ message }} runRequests {{ runKey }} }} }} }} }}"""


def write_instance(home: Path, example: Path, storage_url: str) -> None:
    """Make a DAGSTER_HOME with the settings of the example, for a daemon that looks every second.

    A test that kills a run asks for the next one itself, so the daemon starts none again.
    """
    home.mkdir()
    settings = yaml.safe_load((example / "deploy" / "dagster.yaml").read_text(encoding="utf-8"))
    settings["storage"]["postgres"]["postgres_url"] = storage_url
    settings["run_coordinator"] = _COORDINATOR
    settings["run_monitoring"] |= {
        "free_slots_after_run_end_seconds": 1,
        "poll_interval_seconds": 1,
    }
    del settings["run_retries"]
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")


def key(asset: str) -> dg.AssetKey:
    """Return an asset's key."""
    return dg.AssetKey(["depot", *asset.split(".")])


# What a team writes by hand around the generated package: an asset that is not SQLMesh's.
_PLATFORM = """
import os

import dagster as dg
import psycopg2

from defs import definitions as generated


@dg.asset(key=["depot", "enriched", "report"], deps=[["depot", "marts", "daily_revenue"]])
def report() -> None:
    connection = psycopg2.connect(
        host=os.environ["DEPOT_HOST"], port=5432, user="postgres", dbname="depot"
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "DROP TABLE IF EXISTS enriched.report; CREATE TABLE enriched.report AS "
            "SELECT COUNT(*) AS days, SUM(revenue) AS revenue FROM marts.daily_revenue"
        )
    connection.close()


defs = dg.Definitions.merge(generated.defs, dg.Definitions(assets=[report]))
"""
