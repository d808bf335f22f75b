"""All that imports SQLMesh at run time. Import it inside functions that run at execution time."""
