"""The findings about the limits of a Dagster instance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dg_sqlmesh_codegen.runtime.dagster import compat
from dg_sqlmesh_codegen.runtime.dagster.compat import Limits
from dg_sqlmesh_codegen.runtime.doctor import instance as examined
from dg_sqlmesh_codegen.runtime.doctor.findings import Severity

ELSEWHERE = Limits("K8sRunLauncher", False, True, None, False, 10, None)
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
def test_the_severity_of_the_limits(
    monkeypatch: pytest.MonkeyPatch, limits: Limits, server: str | None, severity: Severity
) -> None:
    monkeypatch.setattr(compat, "limits", lambda instance, pool, tag: limits)
    instance: Any = None
    _, *locks, finding = examined.examine_limits(instance, server)

    assert [each.what.split()[0] for each in locks] == ([server] if server else [])
    assert finding.severity is severity
    assert bool(finding.remedy) == (severity is not Severity.OK or limits.tagged_runs == 1)
