"""Pacing of overload refusals: no delay within the burst, then one slot each, up to a maximum."""

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
def pacer(clock):
    return RefusalPacer(clock)


def test_the_burst_is_not_delayed(pacer):
    assert max(pacer.wait_seconds() for _ in range(BURST)) == pytest.approx(0, abs=1e-6)


def test_refusals_after_the_burst_are_delayed_one_slot_each(pacer):
    for _ in range(BURST):
        pacer.wait_seconds()
    waits = [pacer.wait_seconds() for _ in range(REFUSALS_PER_SECOND)]
    assert waits == sorted(waits)
    assert waits[0] > 0
    assert waits[-1] == pytest.approx(1.0)


def test_no_delay_exceeds_the_maximum(pacer):
    waits = [pacer.wait_seconds() for _ in range(10 * REFUSALS_PER_SECOND * int(HELD_SECONDS_MAX))]
    assert max(waits) == HELD_SECONDS_MAX


def test_the_burst_is_available_again_after_a_pause(pacer, clock):
    for _ in range(2 * BURST):
        pacer.wait_seconds()
    clock.now += 2 * HELD_SECONDS_MAX
    assert max(pacer.wait_seconds() for _ in range(BURST)) == pytest.approx(0, abs=1e-6)
    assert pacer.wait_seconds() > 0
