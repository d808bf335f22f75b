"""Examines an installation: `python -m dg_sqlmesh_codegen.runtime.doctor defs`."""

from .examine import doctor, main
from .findings import Finding, Severity

__all__ = ["Finding", "Severity", "doctor", "main"]
