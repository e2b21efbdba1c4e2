"""Recovery times and late answers, and which faults excuse them."""

from trials.checker.calls import Call
from trials.torture.liveness import late_answers, slowest_recovery
from trials.torture.nemesis import Broken


def call(sent_at: float, ended_at: float, trouble: str = "") -> Call:
    known = {"who": "alice", "operation": "pay_booking", "path": "/bookings/payments", "key": "pay-1"}
    status = None if trouble else 201
    return Call(**known, sent_at=sent_at, ended_at=ended_at, status=status, trouble=trouble)  # type: ignore[arg-type]


def test_a_recovery_lasts_until_a_later_command_is_answered() -> None:
    calls = [call(9, 12), call(11, 14, "timeout"), call(13, 15)]
    assert slowest_recovery(calls, [Broken("kill postgres", 9, 10)]).seconds == 5


def test_a_recovery_that_another_fault_breaks_off_is_not_counted() -> None:
    broken = [Broken("kill postgres", 9, 10), Broken("freeze postgres", 11, 14)]
    assert slowest_recovery([call(14.5, 15)], broken).fault == "freeze postgres"


def test_silence_is_wrong_while_only_the_database_is_away() -> None:
    late = late_answers([call(10, 15, "timeout")], [Broken("freeze postgres", 9, 20)])
    assert len(late) == 1
    assert "did not answer" in late[0]


def test_a_frozen_worker_excuses_silence() -> None:
    broken = [Broken("freeze postgres", 9, 20), Broken("freeze a worker", 8, 10.5)]
    assert late_answers([call(10, 15, "timeout")], broken) == []


def test_an_answer_is_never_late() -> None:
    assert late_answers([call(10, 15)], [Broken("freeze postgres", 9, 20)]) == []
