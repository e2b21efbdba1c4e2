"""Scheduled work. Rocketry triggers, PostgreSQL decides what is due, the ledger decides each command."""
