"""The records of a SQLMesh project -> Dagster assets: keys, groups, tags and checks."""
