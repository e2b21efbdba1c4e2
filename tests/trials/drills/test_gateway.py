"""A few seconds of the gateway drill: payments through the gateway while both sides are killed."""

from trials.drills.gateway.controls import CONTROLS
from trials.drills.gateway.play import play
from trials.torture.gateway_breaks import GATEWAY_BREAKS


async def test_the_books_agree_whoever_is_killed() -> None:
    played = await play("ci", 6)
    assert played.violations == []
    assert sum(played.broken.values()) >= 2
    assert played.counted["payments booked"] > 10
    assert played.counted["unknown at first"] > 0


def test_every_break_has_its_control() -> None:
    assert {broken.__name__.replace("_", "-") for broken in GATEWAY_BREAKS} == CONTROLS.keys()
