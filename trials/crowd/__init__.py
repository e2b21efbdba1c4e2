"""The crowd: customers and staff that use a ledger, over HTTP, in one process or in the simulation."""
