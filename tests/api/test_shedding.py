"""Refusals for want of room: the first at once, then one after another, none later than the bound."""

import pytest

from api.http.shedding import BURST, HELD_SECONDS_MAX, REFUSALS_PER_SECOND, RefusalPacer


class Clock:
    now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pace(clock):
    return RefusalPacer(clock)


def test_a_burst_is_told_at_once(pace):
    assert max(pace.wait_seconds() for _ in range(BURST)) == pytest.approx(0, abs=1e-6)


def test_the_next_ones_wait_their_turn(pace):
    for _ in range(BURST):
        pace.wait_seconds()
    waits = [pace.wait_seconds() for _ in range(REFUSALS_PER_SECOND)]
    assert waits == sorted(waits)
    assert waits[0] > 0
    assert waits[-1] == pytest.approx(1.0)


def test_nobody_waits_longer_than_the_bound(pace):
    waits = [pace.wait_seconds() for _ in range(10 * REFUSALS_PER_SECOND * int(HELD_SECONDS_MAX))]
    assert max(waits) == HELD_SECONDS_MAX


def test_the_burst_comes_back_with_time(pace, clock):
    for _ in range(2 * BURST):
        pace.wait_seconds()
    clock.now += 2 * HELD_SECONDS_MAX
    assert max(pace.wait_seconds() for _ in range(BURST)) == pytest.approx(0, abs=1e-6)
    assert pace.wait_seconds() > 0
