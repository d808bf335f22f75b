"""Whether schedules and sensors start by themselves."""

import pytest

from dg_sqlmesh_codegen.runtime import default_status

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("environment", "variable", "expected"),
    [
        ("prod", "", "RUNNING"),
        ("pr_1", "", "STOPPED"),
        ("pr_1", "RUNNING", "RUNNING"),
        ("prod", "STOPPED", "STOPPED"),
    ],
)
def test_only_the_environment_of_the_package_starts_by_itself(
    monkeypatch: pytest.MonkeyPatch, environment: str, variable: str, expected: str
) -> None:
    monkeypatch.setenv("DG_SQLMESH_SCHEDULE_STATUS", variable)
    assert default_status(environment, "prod") == expected


def test_another_value_of_the_variable_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DG_SQLMESH_SCHEDULE_STATUS", "on")
    with pytest.raises(ValueError, match=r"is 'on'\. Set it to RUNNING or STOPPED\."):
        default_status("prod", "prod")
