"""Command `feed`: publish the log to a broker."""

import asyncio
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.existing_ledger import ledger_url
from cli.options import DATA, LEDGER, add
from database.connection import Connection, connect_sync
from database.sandbox import is_sandbox
from ledger.keyring import Keyring
from ledger.log import RecordedEvent
from ledger.master_key import find_keyring, hidden_names
from ledger.master_key_file import find_keys
from ledger.people import MASTER_KEY_CHECK, decrypt_events
from runtime.failures import CommandFailed
from runtime.logs import configure_logs
from runtime.settings import Settings, WrongSetting
from runtime.signals import STOP_SIGNALS

if TYPE_CHECKING:
    from analytics.feeds.feed import Decrypt, Feed

URL = "nats://127.0.0.1:4222"
BATCH, BATCH_MAX = 200, 2000

_ABOUT = """\
Publish the log to a stream of NATS JetStream, each event once and in order, and follow it until SIGTERM.

Position N of the log is sequence N of the stream. The feed asks the stream where to resume, and stores
nothing itself: stop it, kill it or run two, and nothing is lost or doubled (docs/how-to/feeds.md).

exit codes: 0 stopped, or with --once up to date; 1 the stream holds something else; 2 wrong usage.
"""


def feed_nats(
    settings: Settings,
    url: str,
    credentials: Path | None,
    stream: str | None,
    names: bool,
    once: bool,
    batch: int,
    metrics_port: int | None,
) -> int:
    """Run the feed until a signal, or with `once` up to the head. Raises StreamRefused, WrongSetting."""
    if not 1 <= batch <= BATCH_MAX:
        raise WrongSetting(f"--batch: from 1 to {BATCH_MAX} events")
    configure_logs(settings, "feed")
    try:
        from analytics.feeds.feed import Feed, keep_sealed
        from analytics.feeds.jet_stream import connected
    except ModuleNotFoundError as error:
        if error.name != "nats":
            raise
        raise CommandFailed("feed nats needs the package nats-py: install nats-py~=2.16") from None
    stream = stream or f"seatledger-{settings.ledger}"
    open_stream = partial(connected, url, stream, f"seatledger.{settings.ledger}", credentials)
    with ledger_url(settings) as database:
        decrypt = _decryption(settings, database) if names else keep_sealed
        with connect_sync(database, "seatledger feed") as connection:
            kind = is_sandbox(connection)
        feed = Feed(
            database,
            settings.ledger,
            open_stream,
            decrypt,
            kind,
            once=once,
            batch=batch,
            ready=_ready_printer(),
        )
        if metrics_port is not None:
            _serve_metrics(feed, metrics_port)
        asyncio.run(_run_until_signal(feed))
    return 0


async def _run_until_signal(feed: "Feed") -> None:
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, feed.stop.set)
    await feed.run()


def _ready_printer() -> Callable[[], object]:
    """Return a function that prints `ready` the first time."""
    lines = iter(["ready"])
    return lambda: [print(line, flush=True) for line in lines]


def _serve_metrics(feed: "Feed", port: int) -> None:
    from prometheus_client import start_http_server

    start_http_server(port, "127.0.0.1", feed.metrics.registry)


def _decryption(settings: Settings, url: str) -> "Decrypt":
    """Return the function that decrypts names. Raises CommandFailed without the key that sealed them."""
    with connect_sync(url, "seatledger feed") as connection:
        row = connection.execute(MASTER_KEY_CHECK).fetchone()
    check = row[0] if row else None
    keyring = find_keyring([Keyring(key) for key in find_keys(settings)], check)
    if reason := hidden_names(settings, check, keyring):
        raise CommandFailed(f"--names: {reason}")

    async def decrypt(connection: Connection, events: list[RecordedEvent]) -> list[RecordedEvent]:
        return await decrypt_events(connection, keyring, events)

    return decrypt


def register(commands: Any) -> None:
    summary = "publish the log to a broker"
    feeds = commands.add_parser("feed", help=summary, description=summary)
    brokers = feeds.add_subparsers(title="brokers", required=True, metavar="BROKER")
    command = add(brokers, "nats", feed_nats, "publish the log to NATS JetStream", [DATA, LEDGER])
    command.description = _ABOUT
    url = os.environ.get("NATS_URL", URL)
    command.add_argument("--url", default=url, help=f"servers, separated by commas (NATS_URL, {URL})")
    command.add_argument(
        "--credentials", type=Path, metavar="FILE", help="user credentials of NATS; needs the package nkeys"
    )
    command.add_argument(
        "--stream", metavar="NAME", help="the stream, made if there is none (seatledger-LEDGER)"
    )
    command.add_argument(
        "--names", action="store_true", help="decrypt names and texts; copies of them survive `forget`"
    )
    command.add_argument("--once", action="store_true", help="stop when the stream has all of the log")
    command.add_argument(
        "--batch", type=int, default=BATCH, metavar="N", help=f"events sent at a time ({BATCH})"
    )
    command.add_argument("--metrics-port", type=int, metavar="PORT", help="Prometheus metrics on 127.0.0.1")
