"""The runtime that generated packages import. `__all__` is its public API.

Importing it does not import SQLMesh. Functions that run at execution time do.
"""

from .contract import require_contract
from .default_status import default_status
from .records import Audit, AuditCheck, ExternalAsset, ModelAsset
from .resource import SQLMeshResource, SQLMeshRunConfig
from .restate import SQLMeshRestateConfig
from .results.run_results import SQLMeshResult
from .specs import asset_specs

__all__ = [
    "Audit",
    "AuditCheck",
    "ExternalAsset",
    "ModelAsset",
    "SQLMeshResource",
    "SQLMeshRestateConfig",
    "SQLMeshResult",
    "SQLMeshRunConfig",
    "asset_specs",
    "default_status",
    "require_contract",
]
