"""Assets -> the text of every file of the package."""
