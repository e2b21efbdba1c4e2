"""The write path: blocks of commands, one transaction each, on one hash-chained log in PostgreSQL."""
