"""Deterministic simulation: the real writer on a twin of the database, broken as a seed says."""
