"""The findings about an instance, each on its own."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import MagicMock

import pytest

from dg_sqlmesh_codegen.runtime.dagster import compat_limits
from dg_sqlmesh_codegen.runtime.dagster.compat_limits import Limits
from dg_sqlmesh_codegen.runtime.doctor import doctor
from dg_sqlmesh_codegen.runtime.findings import Severity, exclusivity_of
from dg_sqlmesh_codegen.runtime.resource import SQLMeshResource

ELSEWHERE = Limits("K8sRunLauncher", False, True, None, False, 10, None, "finance")
HERE = replace(ELSEWHERE, launcher="DefaultRunLauncher", launches_here=True)


@pytest.mark.parametrize(
    ("limits", "server", "severity"),
    [
        (ELSEWHERE, None, Severity.PROBLEM),
        (ELSEWHERE, "PostgreSQL", Severity.WARNING),
        (replace(ELSEWHERE, tagged_runs=1), None, Severity.WARNING),
        (replace(ELSEWHERE, tagged_runs=1), "MySQL", Severity.OK),
        (replace(ELSEWHERE, pool=1), None, Severity.OK),
        (HERE, None, Severity.WARNING),
        (replace(HERE, tagged_runs=1), None, Severity.OK),
        (replace(HERE, runs=1), None, Severity.OK),
    ],
)
def test_the_severity_of_the_limits(limits: Limits, server: str | None, severity: Severity) -> None:
    finding = exclusivity_of(limits, server)

    assert finding.severity is severity
    assert "sqlmesh_jobs_exclusive" not in str(finding)
    assert ("pool finance" in finding.what) == ("pool" in finding.what)
    assert bool(finding.remedy) == (severity is not Severity.OK or limits.tagged_runs == 1)


def test_a_part_that_cannot_be_examined_does_not_hide_the_others() -> None:
    instance = MagicMock(run_monitoring_enabled=False)
    instance.get_concurrency_config.side_effect = OSError("no storage")
    instance.get_daemon_heartbeats.side_effect = OSError("no storage")
    found = doctor([], SQLMeshResource(project_dir="/shop", exclusivity="never"), instance)

    assert [finding.what.split(":")[0] for finding in found] == [
        "a part of the installation cannot be examined",
        "a part of the installation cannot be examined",
        "run monitoring is off",
        "`exclusivity` of the SQLMeshResource is 'never'. Use one of 'require', 'warn', 'off'.",
    ]


def test_a_state_that_cannot_be_read_proves_no_second_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat_limits, "limits", lambda *_: ELSEWHERE)
    resource = SQLMeshResource(project_dir="/shop", exclusivity="never")
    launcher, limits, *_ = doctor([], resource, MagicMock(run_monitoring_enabled=False))

    assert launcher.severity is Severity.OK
    assert (limits.severity, limits.what.split(",")[0]) == (
        Severity.WARNING,
        "it is not known whether two SQLMesh runs can start at once",
    )
