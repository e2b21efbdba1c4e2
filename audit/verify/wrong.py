"""What a check raises when something does not hold."""


class Wrong(Exception):
    """Something does not hold at `position`."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"position {position}: {reason}")
        self.position = position
        self.reason = reason

    def __reduce__(self) -> tuple[type["Wrong"], tuple[int, str]]:
        """It travels from one process to another."""
        return Wrong, (self.position, self.reason)
