"""Keys of the configuration that change nothing but `definitions.py` are changes, too."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from builders import model
from dg_sqlmesh_codegen.change_report import Format, summarize, text_of
from dg_sqlmesh_codegen.change_report.model import PackageFiles
from dg_sqlmesh_codegen.config.model import Config
from packages import OUT, rendered, translated

STATUS = 'dg.DefaultScheduleStatus(default_status(ENVIRONMENT, "prod"))'.replace('"', "'")


def package(**options: object) -> PackageFiles:
    config = Config(projects=(Path("/"),), out=OUT, **options)  # type: ignore[arg-type]
    files = rendered(translated(model("shop.a.x"), config=config))
    return {PurePosixPath(path): text for path, text in files.items()}


@pytest.mark.parametrize(
    ("options", "name", "values"),
    [
        ({"execution_status_check": False}, "models", "without_status_check"),
        ({"blocking_checks": "dagster"}, "models", "with_blocking_checks"),
        ({"restate": True}, "jobs", "sqlmesh_restate_job"),
        (
            {"schedule_status": "RUNNING"},
            "schedule sqlmesh_adaptive_schedule: default_status",
            STATUS,
        ),
    ],
)
def test_each_is_a_changed_setting(options: dict[str, object], name: str, values: str) -> None:
    summary = summarize(package(), package(**options))

    (change,) = summary.settings
    assert change.name == name
    assert values in " ".join(change.new)
    assert "Nothing changed" not in text_of(summary, Format.MARKDOWN)
