"""What the runtime needs of Dagster beyond its public API."""
