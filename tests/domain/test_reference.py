"""References are a permutation of positions, and the program and the checker compute the same."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from domain.reference import ALPHABET, BASE, position_of, reference_of
from trials.checker.references import expected_reference

POSITIONS = st.integers(1, BASE**12 - 1)
LIMITS = [BASE**length for length in range(6, 12)]


def test_the_first_positions_have_these_references_for_ever() -> None:
    assert [reference_of(position) for position in (1, 2, 3)] == ["9CTTNS", "VHRN26", "GPPHFJ"]
    assert reference_of(BASE**6) == "PM7VX9D"


@given(POSITIONS)
def test_a_reference_leads_back_to_its_position_in_upper_and_lower_case(position: int) -> None:
    reference = reference_of(position)
    assert position_of(reference) == position_of(reference.lower()) == position
    assert set(reference) <= set(ALPHABET)
    assert reference == expected_reference(position)


def test_references_grow_longer_when_all_shorter_ones_are_used() -> None:
    for length, limit in enumerate(LIMITS, 6):
        assert [len(reference_of(position)) for position in (limit - 1, limit)] == [length, length + 1]
        assert position_of(reference_of(limit)) == limit


def test_neighbours_differ_in_most_places() -> None:
    references = [reference_of(position) for position in range(1, 200)]
    assert len(set(references)) == len(references)
    for one, other in pairwise(references):
        assert sum(a != b for a, b in zip(one, other, strict=True)) >= 4


def test_a_longer_spelling_of_a_short_reference_names_nothing() -> None:
    modulus = BASE**7
    value = (548_507_471 + 312_706_489) % modulus
    spelling = "".join(ALPHABET[value // BASE**place % BASE] for place in reversed(range(7)))
    assert position_of(spelling) == 0
