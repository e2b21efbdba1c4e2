"""The reference of a booking, worked out a second time from the position of its first event."""

CHARACTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"


def expected_reference(position: int) -> str:
    """Return the digits to base 31 of a number that grows by a fixed step; the lowest six, or more."""
    places = 6
    while 31**places <= position:
        places += 1
    number = 548_507_471 * position + 312_706_489
    return "".join(CHARACTERS[number // 31**place % 31] for place in reversed(range(places)))
