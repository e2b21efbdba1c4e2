"""Commands `api` and `scheduler`: one program alone, on a database that is ready for it."""

import asyncio
import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg

from analytics.schema import prepare
from audit.proofs.not_proved import NotProved
from audit.proofs.witnesses import COMPARED, require_fit
from cli.listen_port import hold_port
from cli.options import DATA, SANDBOX, SERVED, add
from cli.tokens import jwt_secret
from database.connection import LOGIN_REFUSED, Unusable, connect_as_owner, describe_refusal
from database.embedded import running_database
from ledger.master_key_file import with_master_keys
from runtime.environment import CHILD, as_environment
from runtime.logs import configure_logs
from runtime.ready_line import request_ready_line
from runtime.settings import Settings, WrongSetting


def register(commands: Any) -> None:
    add(commands, "api", api, "run the API alone", SERVED, makes_ledger=True)
    add(commands, "scheduler", scheduler, "run the scheduler alone", [DATA, SANDBOX], makes_ledger=True)


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


def environment(settings: Settings, url: str) -> dict[str, str]:
    """Return the settings for child processes, with the database and all secrets decided."""
    decided = replace(
        with_master_keys(settings),
        database_url=url,
        jwt_secret=None if settings.has_public_keys else jwt_secret(settings),
    )
    return as_environment(decided)


def _import_door(name: str) -> Any:
    """Import another door by name, because doors do not import each other."""
    return importlib.import_module(name)
