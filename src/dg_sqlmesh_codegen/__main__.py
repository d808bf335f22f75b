"""`python -m dg_sqlmesh_codegen`."""

from dg_sqlmesh_codegen.cli.app import main

if __name__ == "__main__":
    raise SystemExit(main())
