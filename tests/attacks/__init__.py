"""Attacks on one server. At the end, its log is read and its ledger is verified."""
