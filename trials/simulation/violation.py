"""What a judge raises."""


class Violation(Exception):
    """A rule does not hold."""


def require(holds: bool, sentence: str) -> None:
    """Raises Violation unless it holds."""
    if not holds:
        raise Violation(sentence)
