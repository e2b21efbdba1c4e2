"""Programs and PostgreSQL servers that trials start, find, stop and kill."""
