"""What a check raises when something does not hold."""


class Wrong(Exception):
    """Something does not hold at `position`."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"position {position}: {reason}")
        self.position = position
        self.reason = reason
