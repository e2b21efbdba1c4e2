"""Tamper evidence for third parties: a Merkle tree over the log, signed checkpoints, proofs, a checker."""
