"""Common parts of all processes: settings, logs, signals, secret files."""

VERSION = "0.1.0"
"""The version of the program (semantic versioning)."""
