"""Prints the status and the audits of each asset in the latest run, as Dagster recorded them."""

from collections import Counter

import dagster as dg
from rich.console import Console
from rich.table import Table


def main() -> None:
    with dg.DagsterInstance.get() as instance:
        run = instance.get_runs(limit=1)[0]
        events = [entry.dagster_event for entry in instance.all_logs(run.run_id)]
    evaluations = [
        event.asset_check_evaluation_data
        for event in events
        if event and event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ]
    audits: Counter[tuple[dg.AssetKey, bool]] = Counter()
    status: dict[dg.AssetKey, str] = {}
    for evaluation in evaluations:
        if evaluation.check_name == "sqlmesh_execution_status":
            status[evaluation.asset_key] = str(evaluation.metadata["sqlmesh/status"].value)
        else:
            audits[evaluation.asset_key, evaluation.passed] += 1
    title = f"{run.job_name}: {run.status.value}"
    table = Table("asset", "status", "audits passed", "audits failed", title=title)
    for key in sorted(status):
        passed, failed = audits[key, True], audits[key, False]
        table.add_row(key.to_user_string(), status[key], str(passed or ""), str(failed or ""))
    Console().print(table)


if __name__ == "__main__":
    main()
