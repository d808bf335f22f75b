"""Whether anything has changed since the last generation, without loading the project.

What is kept are digests, never text that is written: a package that differs is always rendered.
"""
