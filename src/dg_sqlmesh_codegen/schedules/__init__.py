"""SQLMesh crons -> Dagster schedules."""
