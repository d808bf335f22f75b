"""The package's files -> its folder: compare, write, and what git knows of them."""
