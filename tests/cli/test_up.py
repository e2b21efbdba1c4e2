"""`up` starts parts that die again, for ever, and stops all parts together."""

import signal
from dataclasses import replace
from typing import Any

import pytest

import cli.up
from cli.subprocesses import DidNotStart
from cli.up import _Part, _Parts, _raise_stop, _Stop
from database.embedded import EmbeddedDatabaseFailed
from runtime.backoff import PAUSE_SECONDS_MAX, STEADY_SECONDS
from runtime.settings import Settings
from runtime.signals import STOP_SIGNALS, on_stop_signal

SETTINGS = Settings(database_url="postgresql://elsewhere", jwt_secret="s" * 32, master_key=bytes(32))


class Part:
    """A fake child process. `story` records the calls on all of them in order."""

    story: list[str]

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str], *_: Any) -> None:
        self.name = name
        self.arguments = [*arguments]
        self.environment = environment
        self.ended: int | None = None
        self.story.append(f"start {name}")

    def wait_until_ready(self, seconds: float) -> str:
        assert 0 < seconds <= cli.up.START_SECONDS_MAX
        self.story.append(f"ready {self.name}")
        return "http://127.0.0.1:4711"

    def is_ready(self) -> bool:
        return True

    def signal(self, _: int) -> None:
        self.story.append(f"signal {self.name}")

    def stop(self, _: int, seconds: float) -> None:
        assert 0 < seconds <= cli.up.STOP_SECONDS_MAX
        self.story.append(f"wait for {self.name}")


class Clock:
    """A fake for the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(cli.up, "time", clock)
    return clock


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> _Parts:
    monkeypatch.setattr(cli.up, "Child", Part)
    monkeypatch.setattr(cli.up, "ignore_stop_signals", lambda: None)
    monkeypatch.setattr(cli.up, "is_reachable", lambda *_: True)
    monkeypatch.setattr(cli.up, "is_open", lambda *_: True)
    monkeypatch.setattr(Part, "story", [], raising=False)
    parts = _Parts(SETTINGS, "postgresql://elsewhere")
    for name in ("api", "scheduler"):
        parts._start(_Part(name, [name]))
        parts._parts[name].was_ready = True
    Part.story.clear()
    return parts


def die(parts: _Parts, name: str) -> None:
    parts._parts[name].child.ended = 1  # type: ignore[misc,union-attr]


def pause_after_death(parts: _Parts, clock: Clock, name: str) -> float:
    """Let a part die, and return the seconds until it is started again."""
    Part.story.clear()
    died = clock.now
    die(parts, name)
    parts._keep_alive()
    while not Part.story:
        clock.now += 0.05
        parts._keep_alive()
    assert Part.story == [f"start {name}"]
    return clock.now - died


def test_a_part_that_lives_is_left_alone(parts: _Parts) -> None:
    parts._keep_alive()
    assert Part.story == []


@pytest.mark.parametrize("name", ["api", "scheduler"])
def test_a_part_that_died_is_started_again_at_once(parts: _Parts, name: str) -> None:
    die(parts, name)
    parts._keep_alive()
    assert Part.story == [f"start {name}"]
    parts._keep_alive()
    assert Part.story == [f"start {name}"]


def test_a_part_that_dies_for_ever_is_started_for_ever_after_growing_pauses(
    parts: _Parts, clock: Clock
) -> None:
    pauses = [pause_after_death(parts, clock, "scheduler") for _ in range(40)]
    assert pauses[0] == 0
    assert pauses == pytest.approx(sorted(pauses), abs=0.1)
    assert pauses[-1] == pytest.approx(PAUSE_SECONDS_MAX, abs=0.1)


def test_a_part_that_dies_again_and_again_does_not_delay_another(parts: _Parts, clock: Clock) -> None:
    for _ in range(20):
        pause_after_death(parts, clock, "scheduler")
    die(parts, "scheduler")
    parts._keep_alive()
    assert pause_after_death(parts, clock, "api") == 0


def test_a_part_that_ran_for_a_while_is_started_again_at_once(parts: _Parts, clock: Clock) -> None:
    for _ in range(20):
        pause_after_death(parts, clock, "api")
    clock.now += STEADY_SECONDS
    assert pause_after_death(parts, clock, "api") == 0


def test_a_part_without_resources_to_start_is_started_later(
    parts: _Parts, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(cli.up, "Child", fails)
    die(parts, "api")
    for _ in range(10):
        parts._keep_alive()
    monkeypatch.setattr(cli.up, "Child", Part)
    clock.now += PAUSE_SECONDS_MAX
    parts._keep_alive()
    assert Part.story == ["start api"]


@pytest.mark.parametrize("name", ["api", "scheduler"])
def test_a_part_that_was_never_ready_stops_the_start_with_a_reason(
    parts: _Parts, clock: Clock, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(cli.up, "is_reachable", lambda *_: False)
    monkeypatch.setattr(Part, "is_ready", lambda _: False)
    parts._start(_Part(name, [name]))
    die(parts, name)
    with pytest.raises(DidNotStart, match=f"{name}: ended with exit code 1 while starting"):
        parts._wait_until_ready()


def test_ready_waits_for_the_database_for_any_time_and_parts_are_kept_alive_meanwhile(
    parts: _Parts, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = clock.now

    def is_open(*_: Any) -> bool:
        if clock.now < begun + 100 and parts._parts["scheduler"].child:
            die(parts, "scheduler")
        return clock.now > begun + 1000

    monkeypatch.setattr(cli.up, "is_open", is_open)
    parts._wait_until_ready()
    assert set(Part.story) == {"start scheduler"}


def test_all_parts_get_sigterm_before_any_is_awaited(parts: _Parts) -> None:
    parts._stop()
    assert Part.story == ["signal api", "signal scheduler", "wait for api", "wait for scheduler"]


def test_a_database_of_its_own_is_looked_after_too(parts: _Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []

    def fails(data: object) -> None:
        looked.append(data)
        raise EmbeddedDatabaseFailed("no space left on device")

    monkeypatch.setattr(cli.up, "ensure_running", fails)
    parts._keep_alive()
    assert looked == []
    parts._settings = Settings(jwt_secret="s" * 32, master_key=bytes(32))
    parts._keep_alive()
    assert looked == [parts._settings.data]


def test_a_database_that_does_not_start_is_tried_after_growing_pauses(
    parts: _Parts, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[float] = []

    def fails(_: object) -> None:
        tried.append(clock.now)
        raise OSError("no space left on device")

    monkeypatch.setattr(cli.up, "ensure_running", fails)
    parts._settings = Settings(jwt_secret="s" * 32, master_key=bytes(32))
    for _ in range(600):
        parts._keep_alive()
        clock.now += 0.5
    assert 15 < len(tried) < 30


@pytest.fixture
def with_simulator(parts: _Parts, monkeypatch: pytest.MonkeyPatch) -> _Parts:
    def stop(_: _Parts) -> None:
        raise _Stop

    monkeypatch.setattr(_Parts, "_wait_until_ready", stop)
    return _Parts(replace(SETTINGS, gateway="simulator"), "postgresql://elsewhere")


def test_the_simulator_comes_first_and_goes_last(with_simulator: _Parts) -> None:
    with pytest.raises(_Stop):
        with_simulator.run()
    assert Part.story == [
        *("start gateway", "ready gateway", "start api", "start scheduler"),
        *("signal api", "signal scheduler", "wait for api", "wait for scheduler", "wait for gateway"),
    ]


def test_the_other_parts_get_the_simulators_url(parts: _Parts, with_simulator: _Parts) -> None:
    with_simulator._start_simulator()
    with_simulator._start(_Part("api", ["api"]))
    child: Any = with_simulator._parts["api"].child
    assert child.environment["SEATLEDGER_GATEWAY_URL"] == "http://127.0.0.1:4711"


def test_a_simulator_that_died_comes_back_where_it_was(
    parts: _Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts._start_simulator()
    first: Any = parts._parts["gateway"].child
    die(parts, "gateway")
    parts._keep_alive()
    again: Any = parts._parts["gateway"].child
    assert first is not again
    assert again.arguments[:3] == ["gateway", "--port", "4711"]
    assert again.arguments[3:] == first.arguments[3:]


@pytest.mark.parametrize("where", [{"gateway": "stripe"}, {"gateway": None}, {"gateway_url": "http://else"}])
def test_an_unneeded_simulator_is_not_started(with_simulator: _Parts, where: dict[str, Any]) -> None:
    with_simulator._settings = replace(with_simulator._settings, **where)
    with pytest.raises(_Stop):
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
