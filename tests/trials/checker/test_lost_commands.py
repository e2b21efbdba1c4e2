"""Lost commands and silences, on made-up histories."""

from datetime import UTC, datetime

import pytest

from trials.checker.calls import Call
from trials.checker.log import Log, Outcome
from trials.checker.outcomes import lost_commands
from trials.torture.liveness import longest_silence

PAID = Outcome("alice", "pay_booking", "k-1", 201, "paid", 1, 2, datetime(2030, 1, 1, tzinfo=UTC))


def call(status: int | None, text: str = "paid", at: float = 1.0) -> Call:
    return Call(
        who="alice",
        operation="pay_booking",
        path="/bookings/payments",
        key="k-1",
        sent_at=at,
        ended_at=at,
        status=status,
        text=text,
    )


@pytest.mark.parametrize(
    ("calls", "log", "number"),
    [
        ([call(201)], Log([], [PAID]), 0),
        ([call(201)], Log([], []), 1),
        ([call(201, "paid otherwise")], Log([], [PAID]), 1),
        ([call(None), call(503)], Log([], []), 0),
        ([call(None), call(201)], Log([], []), 1),
    ],
)
def test_an_acknowledged_command_that_the_log_lacks_is_lost(calls: list[Call], log: Log, number: int) -> None:
    assert len(lost_commands(calls, log)) == number


def test_silence_is_the_longest_time_between_two_acknowledgements() -> None:
    calls = [call(201, at=moment) for moment in (0.0, 10.0, 11.0, 14.0)] + [call(503, at=12.0)]
    assert longest_silence(calls, since=9.0) == 3.0
