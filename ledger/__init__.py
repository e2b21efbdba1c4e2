"""How it is written: blocks of commands, one transaction each, on one hash-chained log in PostgreSQL."""
