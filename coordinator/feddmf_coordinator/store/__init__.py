"""The coordinator's durable state: one database; one module a noun, each with its tables and functions."""
