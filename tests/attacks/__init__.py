"""Attacks on one server, whose log is read and whose ledger is verified at the end."""
