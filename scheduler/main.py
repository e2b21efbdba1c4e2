"""The scheduler process: Rocketry starts tasks until SIGTERM or SIGINT."""

import asyncio
import os
from functools import partial

from loguru import logger

from analytics.schema import prepare
from audit.proofs.keys import signing_key
from audit.proofs.witnesses import admission, comparison
from gateways import Gateway
from gateways.from_settings import check_gateway, open_gateway
from ledger.ledger import Ledger
from ledger.opening import open_with_retries
from runtime.cron import check_cron
from runtime.environment import read_settings
from runtime.logs import configure_logs
from runtime.settings import Settings, WrongSetting
from runtime.signals import STOP_SIGNALS
from scheduler.ledger_tasks import LedgerTasks
from scheduler.other_ledgers import OtherLedgers

NICENESS = 5
"""Added to the process's niceness: on busy processors it gets a third of the time of an API process."""


def run_forever(settings: Settings, database_url: str) -> None:
    """Run until SIGTERM or SIGINT. Print `ready` once the settings are checked. Raises WrongSetting."""
    try:
        check_cron(settings.sweep_cron)
    except ValueError as error:
        raise WrongSetting(f"SEATLEDGER_SWEEP_CRON={settings.sweep_cron!r}: {error}") from None
    check_gateway(settings)
    if settings.checkpoints:
        signing_key(settings)
    os.nice(NICENESS)
    asyncio.run(_until_signal(settings, database_url))


async def _until_signal(settings: Settings, database_url: str) -> None:
    stop = asyncio.Event()
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print("ready", flush=True)
    ledger = Ledger(database_url, settings, admission(settings.checkpoints))
    gateway = open_gateway(settings)
    try:
        if await _open(ledger, stop):
            others = asyncio.create_task(OtherLedgers(ledger, settings, stop, gateway).run())
            await run(ledger, settings, database_url, stop, gateway)
            await others
    finally:
        if gateway:
            await gateway.close()
        await ledger.close()


async def _open(ledger: Ledger, stop: asyncio.Event) -> bool:
    """Open the ledger as soon as its database is ready. Return False if `stop` is set before."""
    settings = ledger.settings
    # A process without a key, of a ledger that seals no names, must make none.
    prepare_database = partial(prepare, ledger.url, settings, bind=settings.master_key is not None)
    compare = comparison(settings.checkpoints)
    opening = asyncio.create_task(open_with_retries(ledger, prepare_database, compare))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    opening.cancel()
    return opening.done() and not stop.is_set()


async def run(
    ledger: Ledger,
    settings: Settings,
    database_url: str,
    stop: asyncio.Event,
    gateway: Gateway | None = None,
) -> None:
    """Run all tasks of one ledger until `stop` is set."""
    logger.bind(cron=settings.sweep_cron or "never", ledger=ledger.entry.name).info("scheduler.started")
    await LedgerTasks(ledger, settings, database_url, gateway).run(stop)
    logger.info("scheduler.stopped")


def main() -> None:
    """Run the scheduler with settings from the environment. DATABASE_URL is required."""
    settings = read_settings()
    configure_logs(settings, "scheduler")
    if settings.database_url is None:
        raise WrongSetting("DATABASE_URL is not set")
    run_forever(settings, settings.database_url)


if __name__ == "__main__":
    main()
