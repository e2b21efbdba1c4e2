"""The command line: token, verify, db-url, help, and invalid settings."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import psycopg
import pytest

from tests.contract.people import ALICE, SECRET, ApiCaller
from tests.contract.program import clean_environment, run_program

WRONG_SETTINGS = {
    "SEATLEDGER_HOLD_SECONDS": "five minutes",
    "SEATLEDGER_PORT": "eighty",
    "SEATLEDGER_WORKERS": "0",
    "SEATLEDGER_SWEEP_CRON": "now and then",
    "SEATLEDGER_LOG_FORMAT": "xml",
    "SEATLEDGER_DEADLINE_SECONDS": "-1",
    "SEATLEDGER_HOST": "nowhere.invalid",
}


async def test_token_prints_a_token_and_nothing_else(api, program):
    ended = program.run("token", "--sub", ALICE.sub, "--role", "client", "--role", "auditor")
    assert (ended.returncode, ended.stdout.count("\n")) == (0, 1)
    token = ended.stdout.strip()
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert (claims["sub"], sorted(claims["roles"])) == (ALICE.sub, ["auditor", "client"])
    assert 3500 < claims["exp"] - time.time() <= 3660
    assert (await ApiCaller(api, ALICE.sub, token).get("/bookings")).status == 200


def test_a_token_expires_after_the_requested_minutes(program):
    ended = program.run("token", "--sub", ALICE.sub, "--role", "client", "--minutes", "5")
    claims = jwt.decode(ended.stdout.strip(), SECRET, algorithms=["HS256"])
    assert 240 < claims["exp"] - time.time() <= 360


def test_an_unknown_role_gets_no_token(program):
    ended = program.run("token", "--sub", ALICE.sub, "--role", "emperor")
    assert ended.returncode != 0
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr


async def test_verify_holds_while_the_program_runs(api, operator, alice, program):
    (await alice.pay((await alice.book(await operator.create_flight())).created())).created()
    position = await api.position()
    verified = program.run("verify", "--names", "--json")
    assert verified.returncode == 0, verified.stderr
    report = json.loads(verified.stdout)
    assert report.keys() == {"ok", "checked", "first_bad_position", "reason", "names", "ledger", "unchecked"}
    assert report["names"] == "checked"
    assert (report["ok"], report["first_bad_position"]) == (True, None)
    assert report["checked"] >= position


def test_verify_prints_text_by_default(program):
    verified = program.run("verify")
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.strip()
    assert "not checked: names and sealed texts: only --names decrypts them" in verified.stderr


def test_db_url_opens_the_database_in_use(program):
    ended = program.run("db-url")
    assert (ended.returncode, ended.stdout.count("\n")) == (0, 1)
    with psycopg.connect(ended.stdout.strip()) as connection:
        row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    assert row == (True,)


def test_help_lists_the_commands():
    ended = run_program("--help", environment=clean_environment())
    assert ended.returncode == 0
    words = ("up", "token", "verify", "db-url", "demo", "test", "migrate", "api", "scheduler")
    assert not [word for word in words if word not in ended.stdout]


def test_an_unknown_command_is_refused():
    ended = run_program("fly", environment=clean_environment())
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr


def test_run_py_runs_the_same_commands(program):
    arguments = ("token", "--sub", ALICE.sub, "--role", "client", "--data", str(program.data))
    ended = run_program(*arguments, environment=program.environment, entry=("run.py",))
    assert ended.returncode == 0, ended.stderr
    assert jwt.decode(ended.stdout.strip(), SECRET, algorithms=["HS256"])["sub"] == ALICE.sub


@pytest.fixture(scope="module")
def failed_starts(tmp_path_factory):
    """Results of starts with one invalid setting each."""

    folder = tmp_path_factory.mktemp("wrong")

    def start(name):
        environment = clean_environment() | {name: WRONG_SETTINGS[name]}
        return run_program("up", "--data", str(folder / name), environment=environment)

    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(WRONG_SETTINGS, pool.map(start, WRONG_SETTINGS), strict=True))


@pytest.mark.parametrize("name", WRONG_SETTINGS)
def test_a_wrong_setting_stops_the_start_with_one_clear_line(failed_starts, name):
    ended = failed_starts[name]
    assert ended.returncode != 0
    lines = [line for line in (ended.stdout + ended.stderr).splitlines() if line.strip()]
    assert len(lines) == 1, lines
    assert name in lines[0]
