"""Self-audit: keeps comparing the views with the log, names where they first differ, and repairs nothing."""
