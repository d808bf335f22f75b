"""What Dagster's instance holds of earlier runs of SQLMesh."""

from __future__ import annotations

import dagster as dg

from dg_sqlmesh_codegen.runtime.results.failures import FAILED_MODELS

from . import compat

# Tag of every Dagster run that has started SQLMesh. Its value is the environment.
ENVIRONMENT_TAG = "sqlmesh/environment"
# Tag of a tick's run of standalone audits alone. SQLMesh evaluates them, so that they are no longer
# due; another run of checks alone writes nothing to the state.
DUE_TAG = "sqlmesh/due"
# Tag of a run that data which landed upstream has started. Its value names the assets. Such a run
# evaluates the last interval of its models again if no interval is missing.
LANDED_TAG = "sqlmesh/landed"


def failed_models(instance: dg.DagsterInstance, run_id: str) -> set[str]:
    """Return the display names of the models that a run reported as failed."""
    names: set[str] = set()
    for metadata in compat.failures(instance, run_id):
        value = metadata[FAILED_MODELS].value if FAILED_MODELS in metadata else []
        names.update(map(str, value if isinstance(value, list) else []))
    return names
