"""Sending of webhooks: one sender for each ledger, which connects only to addresses that it has checked."""
