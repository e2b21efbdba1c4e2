"""How projections follow the log: batches with their checkpoint in one transaction, builds, rebuilds."""
