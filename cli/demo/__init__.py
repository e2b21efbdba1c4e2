"""A demonstration that needs nothing but a running server."""

from cli.demo.run import run_demo

__all__ = ["run_demo"]
