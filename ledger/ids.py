"""UUID version 7 (RFC 9562, section 5.7): ids that sort by time of creation and name their ledger."""

import os
import time
from uuid import UUID

import msgspec


def new_id(number: int = 0) -> UUID:
    """Return 48 bits of Unix milliseconds, 12 bits with the ledger's number, and 62 random bits.

    Ids of one ledger sort by time, so that indexes grow at one end.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(8), "big") & (1 << 62) - 1
    return UUID(int=(milliseconds & (1 << 48) - 1) << 80 | 7 << 76 | number << 64 | 0b10 << 62 | random)


def new_sandbox_id(number: int = 0) -> UUID:
    """Return an id like `new_id`, whose last group begins with 7e57 (read: test) and has 46 random bits."""
    return UUID(int=new_id(number).int & ~(0xFFFF << 32) | SANDBOX_MARK << 32)


SANDBOX_MARK = 0x7E57
"""A live id has it by chance, once in 65,536."""


def text_of(id: UUID) -> str:
    """Return what `str` does, in a fifth of the time."""
    text: str = msgspec.to_builtins(id)
    return text


def number_in(id: UUID) -> int:
    """Return the number of the ledger that made the id; random for ids from before migration 19."""
    return id.int >> 64 & 0xFFF


def milliseconds_in(id: UUID) -> int:
    """Return the Unix time in milliseconds at which the id was made."""
    return id.int >> 80


def new_id_text() -> str:
    """Return the text of a new id with 72 random bits, in half the time that a UUID object would take."""
    digits = f"{time.time_ns() // 1_000_000:012x}{os.urandom(9).hex()}"
    return f"{digits[:8]}-{digits[8:12]}-7{digits[12:15]}-8{digits[15:18]}-{digits[18:]}"
