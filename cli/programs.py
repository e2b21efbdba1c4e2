"""Commands that run one part alone: API, scheduler, gateway, migration, demo, trials; and `db-url`."""

import asyncio
import functools
import importlib
import json as json_text
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg

from analytics.schema import migrate as bring_up_to_date
from analytics.schema import prepare
from audit.proofs.keys import signing_key
from audit.proofs.not_proved import NotProved
from audit.proofs.witnesses import COMPARED, require_fit
from cli.listen_port import hold_port, require_free
from cli.subprocesses import CHILD, Child, command, environment, importable
from cli.tokens import jwt_secret, sign_token
from database.connection import (
    LOGIN_REFUSED,
    Unusable,
    connect_as_owner,
    connect_sync,
    describe_refusal,
)
from database.embedded import (
    LOG_FILE,
    existing_database,
    is_in_use,
    keep_for,
    remove_database,
    running_database,
)
from database.schema import VERSION
from gateways.from_settings import gateway_key
from ledger.master_key import bind_ledger
from ledger.master_key_file import with_master_keys
from runtime.logs import configure_logs
from runtime.ready_line import request_ready_line
from runtime.settings import Settings, WrongSetting
from runtime.signals import STOP_SIGNALS

DB_URL_SECONDS = 60
"""Seconds that an otherwise unused embedded server keeps running after `db-url`."""

DEMO_HOST, DEMO_HOLD_SECONDS = "127.0.0.1", 4
STAY_MINUTES = 12 * 60


def api(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT."""
    with hold_port(settings.host, settings.port), serving_database(settings) as url:
        # The workers are separate processes that read settings from the environment.
        os.environ.update(environment(settings, url))
        if CHILD not in os.environ:
            request_ready_line(settings.host, settings.port)
        _import_door("api.serve").serve(settings)
    return 0


def scheduler(settings: Settings) -> int:
    """Run jobs until SIGTERM or SIGINT."""
    with serving_database(settings) as url:
        configure_logs(settings, "scheduler")
        _import_door("scheduler.main").run_forever(with_master_keys(settings), url)
    return 0


def gateway(settings: Settings, listen_host: str, listen_port: int, store: Path, json: bool) -> int:
    """Run the gateway simulator until SIGTERM or SIGINT."""
    from gateways.simulator.serve import serve

    def ready(url: str) -> None:
        print(json_text.dumps({"ready": url}) if json else f"ready {url}", flush=True)

    if listen_port:
        require_free(listen_host, listen_port)
    try:
        serve(store, gateway_key(settings), listen_host, listen_port, ready)
    except sqlite3.Error as problem:
        raise OSError(f"the store {store}: {problem}") from None
    return 0


@contextmanager
def existing_ledger(settings: Settings) -> Iterator[str]:
    """Yield the URL of a ledger, brought up to date. Never make a data folder, a server or a ledger.

    Raises EmbeddedDatabaseFailed, and psycopg.errors.UndefinedTable for a database without a ledger.
    """
    with existing_database(settings.database_url, settings.data) as url:
        with connect_sync(url, "seatledger") as connection:
            connection.execute("select from ledger.migrations limit 0")
        bring_up_to_date(url)
        yield url


def make_secrets(settings: Settings) -> None:
    """Make the secrets that other commands only read, so that those make none in a mistyped folder."""
    if not settings.jwks_file:
        jwt_secret(settings)
    if settings.data.is_dir():  # a host with a database and secrets of its own may have no data folder
        signing_key(settings)


@contextmanager
def serving_database(settings: Settings) -> Iterator[str]:
    """Yield the URL of a database for API and scheduler.

    If it answers already, it is migrated, has this master key, and its log fits every checkpoint at hand. The
    parts of the program wait for a database that does not answer yet, and then do all this themselves. Raises
    WrongSetting, Unusable, and psycopg.Error for a database that refuses the login or the migrations.
    """

    async def compare(url: str) -> None:
        async with await connect_as_owner(url, "seatledger start") as connection:
            await require_fit(connection, settings.checkpoints)

    os.environ.pop(COMPARED, None)
    with running_database(settings.database_url, settings.data) as url:
        try:
            prepare(url, settings)
            asyncio.run(compare(url))
            os.environ[COMPARED] = "1"
        except NotProved as refuted:
            raise WrongSetting(f"SEATLEDGER_CHECKPOINTS: {refuted}") from None
        except Unusable:
            raise
        except psycopg.OperationalError as error:
            if describe_refusal(error) == LOGIN_REFUSED:
                raise
        yield url


def _import_door(name: str) -> Any:
    """Import another door by name, because doors do not import each other."""
    return importlib.import_module(name)


def migrate(settings: Settings, json: bool) -> int:
    restored: list[str] = []
    with running_database(settings.database_url, settings.data) as url:
        applied = bring_up_to_date(url, restored.append)
        bind_ledger(url, settings)
        if not settings.database_url:
            make_secrets(settings)
    if json:
        versions = [migration.version for migration in applied]
        print(json_text.dumps({"version": VERSION, "applied": versions, "restored": restored}))
    else:
        for migration in applied:
            print(f"applied {migration.version:04} {migration.name}")
        for statement in restored:
            print(f"restored {statement.removeprefix('-- ')}")
        print(f"schema version {VERSION}")
    return 0


def db_url(settings: Settings) -> int:
    alone = not settings.database_url and not is_in_use(settings.data)
    with existing_database(settings.database_url, settings.data) as url:
        if alone:
            keep_for(settings.data, DB_URL_SECONDS)
        print(url)
    return 0


def demo(settings: Settings, json: bool, stay: bool) -> int:
    """Play the demo in a temporary data folder. Keep the folder, and name it, if the demo fails.

    With `stay`, keep the server running until SIGINT or SIGTERM. Raises PortTaken, CannotListen.
    """
    # The default port may belong to a running ledger; only a person in the console needs a certain port.
    port = settings.port if stay or settings.port != Settings().port else _free_port()
    require_free(DEMO_HOST, port)
    folder = Path(tempfile.mkdtemp(prefix="seatledger-demo-"))
    is_over = False
    try:
        code = _play_demo(folder, port, json, stay)
        is_over = code == 0
        return code
    except KeyboardInterrupt:
        is_over = True
        raise
    finally:
        if is_over:
            remove_database(folder)
            shutil.rmtree(folder)
        else:
            print(
                f"seatledger: the demo failed; its data folder is kept, with {LOG_FILE}: {folder}",
                file=sys.stderr,
            )


def _play_demo(folder: Path, port: int, json: bool, stay: bool) -> int:
    """Start the program with short holds, run `cli.demo` against it, and stop it."""
    from cli.demo.proof import prove
    from cli.demo.run import run_demo

    key = jwt_secret(Settings(data=folder))
    own = {
        # Empty values override `.env`: the demo must not write to a real ledger,
        "DATABASE_URL": "",
        "SEATLEDGER_JWKS_FILE": "",
        # must not charge real money,
        "SEATLEDGER_GATEWAY": "",
        "SEATLEDGER_LOG_FILE": "",
        # and must not publish checkpoints of invented bookings.
        "SEATLEDGER_CHECKPOINTS": "",
        "SEATLEDGER_CHECKPOINT_KEY": "",
        "SEATLEDGER_MASTER_KEY": "",
        "SEATLEDGER_DATA": str(folder),
        "SEATLEDGER_HOLD_SECONDS": str(DEMO_HOLD_SECONDS),
        "SEATLEDGER_CAPTURE_SECONDS": str(DEMO_HOLD_SECONDS),
        "SEATLEDGER_LOG_LEVEL": "WARNING",
        "SEATLEDGER_PORT": str(port),
        "SEATLEDGER_HOST": DEMO_HOST,
        "SEATLEDGER_JWT_SECRET": key,
        "SEATLEDGER_JWT_ISSUER": "",
        "SEATLEDGER_JWT_AUDIENCE": "",
    }
    settings_of_demo = {**os.environ, **own}
    server = Child("up", ["up"], settings_of_demo, stdout=subprocess.PIPE)
    try:
        url = server.wait_until_ready(120)
        code = run_demo(
            url,
            functools.partial(sign_token, key),
            lambda: _verify(settings_of_demo),
            functools.partial(prove, settings_of_demo),
            json,
        )
        if stay:
            _wait_in_console(url, sign_token(key, "amir", ["auditor", "operator"], STAY_MINUTES), folder)
        return code
    finally:
        server.stop(signal.SIGTERM, 15)


def _wait_in_console(url: str, token: str, data: Path) -> None:
    # A reader of a pipe needs the report now, not when the demo ends.
    sys.stdout.flush()
    print(
        f"console  {url}/console\ndata     {data}\ntoken    {token}\nCtrl-C ends the demo.",
        file=sys.stderr,
        flush=True,
    )
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    signal.sigwait(STOP_SIGNALS)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def torture(settings: Settings, minutes: float, seed: int, json: bool, scenario: str) -> int:
    """Run the torture, which is part of a checkout and not of a release."""
    return int(
        _import_from_checkout("torture", "trials.torture.torture").torture(minutes, seed, json, scenario)
    )


def simulate(settings: Settings, seeds: int, seed: int, json: bool) -> int:
    """Run simulations, from a checkout only."""
    return int(_import_from_checkout("simulate", "trials.simulation.main").run(seeds, seed, json))


def bench(settings: Settings, smoke: bool, out: Path, only: list[str] | None, sizes: list[int] | None) -> int:
    """Run the bench, from a checkout only."""
    measurements = _import_from_checkout("bench", "trials.bench.main")
    try:
        return int(measurements.run(smoke, out, only, sizes))
    except measurements.UnknownPart as problem:
        raise WrongSetting(str(problem)) from None


def _import_from_checkout(command: str, module: str) -> Any:
    try:
        return _import_door(module)
    except ModuleNotFoundError:
        raise WrongSetting(f"{command}: available in a checkout of the project only") from None


def _verify(environment: dict[str, str]) -> Any:
    """Run `seatledger verify --json` and return its result."""
    process = subprocess.run(
        command("verify", "--json"),
        env=importable(environment),
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
        check=False,
    )
    return SimpleNamespace(**json_text.loads(process.stdout))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
