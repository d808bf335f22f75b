"""Records of a SQLMesh project -> Dagster assets: keys, groups, tags, checks."""
