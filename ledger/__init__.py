"""How it is written: blocks of commands, one transaction each, on one hash-chained log in PostgreSQL."""

VERSION = "0.1.0"
"""The program's, by semantic versioning."""
