"""`python -m dg_sqlmesh_codegen`."""

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())
