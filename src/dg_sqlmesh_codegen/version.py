"""The versions of this tool and of what it generates, where every layer may read them."""

__version__ = "0.2.0.dev0"

# The number of the contract between generated packages and `runtime`: which names it has, what they
# take and what they do. Count it up whenever generated code uses something that a runtime with the
# number before does not have, or no longer what one has. Packages of 0.1.0 do not state theirs, 1.
CONTRACT = 2
