"""Whether schedules and sensors of a package start by themselves."""

from __future__ import annotations

import os

_VARIABLE = "DG_SQLMESH_SCHEDULE_STATUS"
_RUNNING, _STOPPED = "RUNNING", "STOPPED"


def default_status(environment: str, generated_for: str) -> str:
    """Return the status of a schedule or sensor when it is first deployed.

    It is RUNNING only in the environment that the package was generated for: a deployment of the
    same package for another one, such as a preview, does not start by itself. The variable
    DG_SQLMESH_SCHEDULE_STATUS says otherwise, in every environment.

    Raises:
        ValueError: the variable is neither RUNNING nor STOPPED.
    """
    status = os.getenv(_VARIABLE)
    if status and status not in (_RUNNING, _STOPPED):
        raise ValueError(f"{_VARIABLE} is {status!r}. Set it to RUNNING or STOPPED.")
    return status or (_RUNNING if environment == generated_for else _STOPPED)
