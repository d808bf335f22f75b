"""The `dg` component, its scaffolder, and the starter project that the scaffolder can make."""

from .component import SQLMeshProjectComponent

__all__ = ["SQLMeshProjectComponent"]
