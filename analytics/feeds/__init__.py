"""Feeds: the log, published to brokers in its order."""
