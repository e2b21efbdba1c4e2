"""What may happen: aggregates, events, commands and refusals, with no I/O at all."""
