"""Drills: what an operator hopes never to need, done for real and measured: fail-over and restore."""
