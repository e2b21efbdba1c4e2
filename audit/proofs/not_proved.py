"""The error of the proof checker."""


class NotProved(Exception):
    """The proof, the checkpoint or the key is invalid; the message gives the reason."""
