"""What the checker raises when something is not proved."""


class Refuted(Exception):
    """The proof, the checkpoint or the key is not what it should be; the message says what is wrong."""
