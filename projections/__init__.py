"""What can be seen: views of the log, kept in the block's own transaction, and their queries."""
