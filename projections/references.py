"""References of bookings in SQL: the same permutation as `domain.reference`."""

from typing import LiteralString

from domain.reference import ALPHABET, BASE, LENGTH_MAX, LENGTH_MIN, MULTIPLIER, OFFSET


def reference_sql(position: LiteralString) -> LiteralString:
    """Return an expression for the reference that belongs to the position of a booking's first event."""
    short = _permuted(f"{position}::bigint", BASE**LENGTH_MIN)
    characters = " || ".join(_character(f"{short} / {BASE**digit}") for digit in reversed(range(LENGTH_MIN)))
    # Products of longer references exceed the range of bigint.
    value = _permuted(f"{position}::numeric", f"{BASE}::numeric ^ length")
    long = f"""(
        select string_agg({_character(f"div({value}, {BASE}::numeric ^ digit)")}, '' order by digit desc)
        from (select count(*) + {LENGTH_MIN} as length from generate_series({LENGTH_MIN}, {LENGTH_MAX}) as n
            where {position} >= {BASE}::numeric ^ n) as long
        cross join lateral generate_series(0, length - 1) as digit)"""  # noqa: S608 - constants only
    return f"case when {position} < {BASE**LENGTH_MIN} then {characters} else {long} end"


def _permuted(position: str, modulus: int | str) -> str:
    return f"mod({position} * {MULTIPLIER} + {OFFSET}, {modulus})"


def _character(value: str) -> str:
    return f"substr('{ALPHABET}', 1 + mod({value}, {BASE})::integer, 1)"


REFERENCE: LiteralString = f"""(
    select {reference_sql("first.position")} from events as first
    where first.originator_id = b.id and first.originator_version = 1
)"""  # noqa: S608 - constants only
"""The reference of `b`, a row of bookings."""
