"""Trials: benchmarks, fault injection, drills and simulation. Not part of the program."""
