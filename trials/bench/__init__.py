"""Measurements of the real program, each against a reference in the same run."""
