"""Tamper evidence for outsiders: a Merkle tree over the log, signed checkpoints, proofs and their checker."""
