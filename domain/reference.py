"""References of bookings: six characters to say on the phone, made of the position of the first event."""

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Characters of a reference. I, L, O, 0 and 1 are left out, because they look alike."""

BASE = len(ALPHABET)
LENGTH_MIN, LENGTH_MAX = 6, 12

MULTIPLIER, OFFSET = 548_507_471, 312_706_489
"""Constants of the permutation, fixed for ever. The multiplier and the base have no common divisor."""

_SHORT: int = BASE**LENGTH_MIN
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]


def reference_of(position: int) -> str:
    """Return the reference that belongs to the position of a booking's first event.

    `position * MULTIPLIER + OFFSET` modulo a power of 31 is a permutation of the positions below that power.
    So two bookings of a ledger never have the same reference. Positions from 31^6 on get longer references.
    """
    if position < _SHORT:
        rest, low = divmod((position * MULTIPLIER + OFFSET) % _SHORT, len(_PAIRS))
        high, middle = divmod(rest, len(_PAIRS))
        return _PAIRS[high] + _PAIRS[middle] + _PAIRS[low]
    length = LENGTH_MIN
    while position >= BASE**length:
        length += 1
    rest, characters = (position * MULTIPLIER + OFFSET) % BASE**length, ""
    for _ in range(length):
        rest, digit = divmod(rest, BASE)
        characters = ALPHABET[digit] + characters
    return characters


def position_of(reference: str) -> int:
    """Return the only position that can have this reference, in upper or lower case; 0 if there is none.

    The reference consists of 6 to 12 characters of the alphabet.
    """
    value = 0
    for character in reference.upper():
        value = value * BASE + ALPHABET.index(character)
    modulus: int = BASE ** len(reference)
    position = (value - OFFSET) * pow(MULTIPLIER, -1, modulus) % modulus
    return position if reference_of(position) == reference.upper() else 0
