"""One SQLMesh run at a time: keep runs apart, stop one, recover what a killed one lost."""
