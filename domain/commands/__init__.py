"""Commands: one frozen struct for each change to the ledger; also the HTTP body where the path has no id."""
