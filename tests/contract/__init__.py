"""The contract with callers: servers as a user starts them."""
