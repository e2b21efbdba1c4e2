"""The error of the proof checker."""


class NotProved(Exception):
    """The proof, the checkpoint or the key is invalid; the message gives the reason."""


class OtherKey(NotProved):
    """The key is another one than that of the signature, so the signature was not checked."""
