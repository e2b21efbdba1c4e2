"""Views of the log, written in the transaction of each block, and the queries on them."""
