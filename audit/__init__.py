"""Checks for auditors: verify, proofs for outsiders, and the continuous self-audit."""
