"""`python -m dg_sqlmesh_codegen.runtime.doctor defs`."""

from .examine import main

if __name__ == "__main__":
    raise SystemExit(main())
