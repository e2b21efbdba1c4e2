"""What-if: decide the recorded demand again, by the ledger's own handlers, under another policy."""
