"""Drills: rare operations done for real and measured, such as fail-over and restore."""
