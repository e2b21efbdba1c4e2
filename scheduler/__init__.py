"""Door: time. Rocketry triggers, PostgreSQL decides what is due, the ledger decides what happens."""
