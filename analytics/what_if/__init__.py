"""What if: the recorded demand, decided again by the ledger's own rules under another policy."""
