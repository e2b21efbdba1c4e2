"""`up` restarts parts that die, up to a limit, and stops all parts together."""

import signal
from dataclasses import replace
from typing import Any

import pytest

import cli.up
from cli.up import RESTARTS_MAX, RESTARTS_SECONDS, _Parts, _raise_stop, _Stop
from database.embedded import EmbeddedDatabaseFailed
from runtime.settings import Settings
from runtime.signals import STOP_SIGNALS, on_stop_signal

SETTINGS = Settings(database_url="postgresql://elsewhere", jwt_secret="s" * 32, master_key=bytes(32))


class Part:
    """A fake child process. `story` records the calls on all of them in order."""

    story: list[str]

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str], *_: Any) -> None:
        self.name = name
        self.arguments = arguments
        self.environment = environment
        self.ended: int | None = None
        self.story.append(f"start {name}")

    def wait_until_ready(self, seconds: float) -> str:
        assert 0 < seconds <= cli.up.START_SECONDS_MAX
        self.story.append(f"ready {self.name}")
        return "http://127.0.0.1:4711"

    def signal(self, _: int) -> None:
        self.story.append(f"signal {self.name}")

    def stop(self, _: int, seconds: float) -> None:
        assert 0 < seconds <= cli.up.STOP_SECONDS_MAX
        self.story.append(f"wait for {self.name}")


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> _Parts:
    monkeypatch.setattr(cli.up, "Child", Part)
    monkeypatch.setattr(cli.up, "ignore_stop_signals", lambda: None)
    monkeypatch.setattr(Part, "story", [], raising=False)
    parts = _Parts(SETTINGS, "postgresql://elsewhere")
    for name in ("api", "scheduler"):
        parts._start(name)
    Part.story.clear()
    return parts


def die(parts: _Parts, name: str) -> None:
    parts._children[name].ended = 1  # type: ignore[misc]


def test_a_part_that_lives_is_left_alone(parts: _Parts) -> None:
    assert parts._restart_dead()
    assert Part.story == []


@pytest.mark.parametrize("name", ["api", "scheduler"])
def test_a_part_that_died_is_started_again(parts: _Parts, name: str) -> None:
    die(parts, name)
    assert parts._restart_dead()
    assert Part.story == [f"start {name}"]
    assert parts._restart_dead()
    assert Part.story == [f"start {name}"]


def test_parts_that_die_again_and_again_end_the_program(parts: _Parts) -> None:
    for _ in range(RESTARTS_MAX):
        die(parts, "api")
        assert parts._restart_dead()
    die(parts, "scheduler")
    assert not parts._restart_dead()
    assert len(Part.story) == RESTARTS_MAX


def test_deaths_of_long_ago_are_forgotten(parts: _Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(cli.up.time, "monotonic", lambda: now)
    for _ in range(3 * RESTARTS_MAX):
        now += RESTARTS_SECONDS / 2
        die(parts, "api")
        assert parts._restart_dead()


def test_all_parts_get_sigterm_before_any_is_awaited(parts: _Parts) -> None:
    parts._stop()
    assert Part.story == ["signal api", "signal scheduler", "wait for api", "wait for scheduler"]


def test_a_database_of_its_own_is_looked_after_too(parts: _Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []

    def fails(data: object) -> None:
        looked.append(data)
        raise EmbeddedDatabaseFailed("no space left on device")

    monkeypatch.setattr(cli.up, "ensure_running", fails)
    assert parts._restart_dead()
    assert looked == []
    parts._settings = Settings(jwt_secret="s" * 32, master_key=bytes(32))
    assert parts._restart_dead()
    assert looked == [parts._settings.data]


@pytest.fixture
def with_simulator(parts: _Parts, monkeypatch: pytest.MonkeyPatch) -> _Parts:
    monkeypatch.setattr(_Parts, "_wait_for_answer", lambda self: None)
    monkeypatch.setattr(_Parts, "_restart_dead", lambda self: False)
    return _Parts(replace(SETTINGS, gateway="simulator"), "postgresql://elsewhere")


def test_the_simulator_comes_first_and_goes_last(with_simulator: _Parts) -> None:
    with_simulator.run()
    assert Part.story == [
        *("start gateway", "ready gateway", "start api", "start scheduler"),
        *("signal api", "signal scheduler", "wait for api", "wait for scheduler", "wait for gateway"),
    ]


def test_the_other_parts_get_the_simulators_url(parts: _Parts, with_simulator: _Parts) -> None:
    with_simulator._start_simulator()
    with_simulator._start("api")
    child: Any = with_simulator._children["api"]
    assert child.environment["SEATLEDGER_GATEWAY_URL"] == "http://127.0.0.1:4711"


def test_a_simulator_that_died_comes_back_where_it_was(
    parts: _Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts._start_simulator()
    first: Any = parts._children["gateway"]
    die(parts, "gateway")
    assert parts._restart_dead()
    again: Any = parts._children["gateway"]
    assert first is not again
    assert again.arguments[:3] == ["gateway", "--port", "4711"]
    assert again.arguments[3:] == first.arguments[3:]


@pytest.mark.parametrize("where", [{"gateway": "stripe"}, {"gateway": None}, {"gateway_url": "http://else"}])
def test_an_unneeded_simulator_is_not_started(with_simulator: _Parts, where: dict[str, Any]) -> None:
    with_simulator._settings = replace(with_simulator._settings, **where)
    with_simulator.run()
    assert "start gateway" not in Part.story


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_second_signal_does_not_interrupt_the_stopping_however_soon_it_comes(number: int) -> None:
    before = {other: signal.getsignal(other) for other in STOP_SIGNALS}
    try:
        on_stop_signal(_raise_stop)
        with pytest.raises(_Stop):
            signal.raise_signal(number)
        for other in before:
            signal.raise_signal(other)
    finally:
        for other, handler in before.items():
            signal.signal(other, handler)
