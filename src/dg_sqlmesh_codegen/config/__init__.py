"""The configuration: its keys, where they are written, and which place wins."""
