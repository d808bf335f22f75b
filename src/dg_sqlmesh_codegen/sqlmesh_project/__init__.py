"""A SQLMesh project, loaded offline and described by plain records."""
