"""Events of a SQLMesh run -> Dagster results."""
