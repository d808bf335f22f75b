"""What generated packages import: `__all__` is the contract with them.

Nothing here imports SQLMesh; that happens inside the functions that run at execution time.
"""

from .records import AuditCheck, ExternalAsset, ModelAsset
from .resource import SQLMeshResource, SQLMeshRunConfig
from .results.run_results import SQLMeshResult

__all__ = [
    "AuditCheck",
    "ExternalAsset",
    "ModelAsset",
    "SQLMeshResource",
    "SQLMeshResult",
    "SQLMeshRunConfig",
]
