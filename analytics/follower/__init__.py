"""The follower: applies the log to the fact tables in batches, and rebuilds them."""
