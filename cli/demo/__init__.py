"""The demo: a day of flights, played over HTTP against a running server."""
