"""Exports: a table as it stood at a position of the log, as a file with a manifest beside it."""
