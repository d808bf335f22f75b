"""Everything that imports SQLMesh at run time. Import its modules inside functions only."""
