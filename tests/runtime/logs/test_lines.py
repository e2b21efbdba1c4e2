"""A log record is one line without secrets, and cannot be forged."""

import io
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime
from uuid import UUID

import pytest
from loguru import logger

from runtime.logs import configure_logs
from runtime.settings import SETTINGS, Settings

FORGERIES = [
    "x\n2026-01-01T00:00:00.000Z INFO    api[1] Payment accepted",
    "x\r\nforged",
    "x\u2028forged\u2029forged\x85forged\x0bforged\x0cforged\x1cforged",
    "{} {0.__class__} {extra} {record[extra]} %s %(secret)s",
    "<red>x</red> <level>",
    "\x1b[2J\x1b]0;owned\x07\x9b31m",
    "\u202egnirts desrever",
    'x" level=ERROR event="forged',
    "\x00\x7f\ud800",
]

Lines = Callable[[], list[str]]


@pytest.fixture(autouse=True)
def undo() -> Iterator[None]:
    yield
    logger.remove()
    logger.configure(patcher=lambda record: None)
    logging.captureWarnings(False)
    logging.getLogger().handlers.clear()


@pytest.fixture
def console(capsys: pytest.CaptureFixture[str]) -> Lines:
    return lambda: capsys.readouterr().err.splitlines()


def logs(form: str, level: str = "DEBUG") -> None:
    configure_logs(Settings(log_format=form, log_level=level), "api")


@pytest.mark.parametrize("forged", FORGERIES)
@pytest.mark.parametrize("form", ["text", "json"])
def test_whatever_a_field_holds_it_stays_one_line(console: Lines, form: str, forged: str) -> None:
    logs(form)
    logger.bind(user_id=forged).info("Booking made")
    (line,) = console()
    assert line.isprintable()
    if form == "json":
        assert json.loads(line)["event"] == "Booking made"
        assert json.loads(line)["user_id"] == forged.encode("utf-8", "backslashreplace").decode()
    else:
        assert ' user_id="' in line


@pytest.mark.parametrize("forged", FORGERIES)
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_library_that_logs_user_input_forges_nothing(console: Lines, form: str, forged: str) -> None:
    logs(form)
    logging.getLogger("some.library").warning("refused: %s", forged)
    (line,) = console()
    assert line.isprintable()
    assert "some.library" in line


@pytest.mark.parametrize("forged", FORGERIES)
def test_no_line_of_a_traceback_passes_for_a_log_line(console: Lines, forged: str) -> None:
    logs("text")
    try:
        raise ValueError(forged)
    except ValueError:
        logger.exception("The block failed")
    first, *rest = console()
    assert first.endswith("The block failed")
    assert all(line.startswith("  | ") and line.isprintable() for line in rest)


def test_a_json_line_has_the_time_in_utc_the_event_and_its_fields(console: Lines) -> None:
    logs("json")
    booking = UUID(int=7)
    logger.bind(request_id="r1", actor="alice", booking_id=booking, position=12, time="mine").info("Paid")
    (line,) = map(json.loads, console())
    assert line.pop("time").endswith("Z")
    assert line.pop("pid") > 0
    assert line == {
        "level": "INFO",
        "event": "Paid",
        "process": "api",
        "request_id": "r1",
        "actor": "alice",
        "booking_id": str(booking),
        "position": 12,
        "time_": "mine",
    }


def test_a_text_line_has_time_level_process_event_and_fields(console: Lines) -> None:
    logs("text")
    logger.bind(seats=2, user_id="alice", note="two words").warning("Booking made")
    (line,) = console()
    moment, level, process, said = line.split(maxsplit=3)
    assert datetime.fromisoformat(moment).utcoffset() is not None
    assert (level, process[:4]) == ("WARNING", "api[")
    assert said == 'Booking made seats=2 user_id=alice note="two words"'


HUNTER2 = [
    {"password": "hunter2"},
    {"Authorization": "Bearer hunter2"},
    {"jwt_secret": "hunter2"},
    {"headers": {"authorization": "hunter2", "cookie": "hunter2"}},
    {"headers": [("x", "Bearer hunter2")]},
    {"url": "postgresql://ann:hunter2@db.example/ledger"},
    {"dsn": "host=db user=ann password=hunter2 dbname=ledger"},
    {"dsn": "host=db password='hunter2 \\' hunter2' dbname=ledger"},
    {"body": '{"token": "hunter2", "seats": 2}'},
    {"why": "Authorization: Bearer hunter2"},
    {"why": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyIn0.hunter2"},
]


@pytest.mark.parametrize("fields", HUNTER2)
@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_is_logged(console: Lines, form: str, fields: dict[str, object]) -> None:
    logs(form)
    told = " ".join(f"{name}={value}" for name, value in fields.items())
    logger.bind(**fields).info("Connecting")
    logging.getLogger("psycopg.pool").warning("failed: %s", told)
    try:
        raise ConnectionError(told)
    except ConnectionError:
        logger.bind(**fields).exception("Connecting")
    text = "\n".join(console())
    assert "[redacted]" in text
    assert "hunter2" not in text


@pytest.mark.parametrize("form", ["text", "json"])
def test_settings_are_logged_without_their_secrets(console: Lines, form: str) -> None:
    logs(form)
    secrets = {name: "hunter2" for name, setting in SETTINGS.items() if setting.secret}
    settings = Settings(host="db.example", **secrets)
    logger.bind(settings=settings).info("Connecting")
    (line,) = console()
    assert "db.example" in line
    assert "hunter2" not in line


def test_other_values_are_logged_in_full(console: Lines) -> None:
    logs("json")
    fields = {"url": "http://localhost:8000/a@b", "key": "k-1", "mail": "ann@example.org", "eye": "eyJ.a"}
    logger.bind(**fields).info("Listening")
    (line,) = map(json.loads, console())
    assert {name: line[name] for name in fields} == fields


def test_values_that_cannot_be_shown_are_not_the_end_of_a_line(console: Lines) -> None:
    class Odd:
        def __str__(self) -> str:
            raise RuntimeError

    logs("json")
    loop: list[object] = []
    loop.append(loop)
    logger.bind(odd=Odd(), huge=2**80, nan=float("nan"), raw=b"\xff\x00", loop=loop, long="x" * 10**6).info(
        "Odd"
    )
    (line,) = console()
    assert json.loads(line)["huge"] == str(2**80)
    assert len(line) < 6_000


def test_warnings_and_libraries_come_through_at_their_level(console: Lines) -> None:
    quiet = logging.getLogger("_granian")
    quiet.addHandler(logging.StreamHandler(sys.stdout))
    quiet.propagate = False
    logs("json", level="INFO")
    logging.getLogger("litestar").debug("not shown")
    logging.getLogger("_granian").error("worker %s", 1)
    logging.getLogger("psycopg.pool").log(33, "odd level")
    logging.getLogger("rocketry").warning("arguments that %s not %s", "do")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    found = [(line["level"], line.get("logger")) for line in map(json.loads, console())]
    assert found == [
        ("ERROR", "_granian"),
        ("Level 33", "psycopg.pool"),
        ("WARNING", "rocketry"),
        ("WARNING", "py.warnings"),
    ]


def test_a_closed_standard_error_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    logs("text")
    stream.close()
    logger.info("Nobody hears this")
