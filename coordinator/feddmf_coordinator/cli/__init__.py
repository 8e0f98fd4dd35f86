"""The coordinator's half of the command line: one module a noun."""
