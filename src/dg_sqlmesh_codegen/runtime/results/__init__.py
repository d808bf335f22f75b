"""Turns the events of a SQLMesh run into Dagster results."""
