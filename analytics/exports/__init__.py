"""Exports: a table as of a position of the log, as a file with a manifest."""
