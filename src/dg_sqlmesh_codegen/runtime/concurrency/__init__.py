"""One SQLMesh run at a time: exclude other runs, and stop a run."""
