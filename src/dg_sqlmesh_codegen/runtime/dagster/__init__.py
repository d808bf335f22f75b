"""What the runtime uses of Dagster beyond its public API."""
