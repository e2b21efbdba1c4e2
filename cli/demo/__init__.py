"""The demo: a day of flights, played over HTTP against a running server."""

from cli.demo.run import run_demo

__all__ = ["run_demo"]
