"""Torture: the real program, a real PostgreSQL and real clients, broken on purpose, judged from outside."""
