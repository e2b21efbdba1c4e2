"""The terminal door: operators, auditors and scripts."""
