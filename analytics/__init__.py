"""Reports: facts that follow the log, and exports, rebuilds and replays of them."""
