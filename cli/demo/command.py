"""Command `demo`: play the day in a temporary ledger, and clean up."""

import functools
import json as json_text
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cli.listen_port import require_free
from cli.options import JSON, PORT, add
from cli.subprocesses import Child, command, importable
from cli.tokens import jwt_secret, sign_token
from database.embedded import LOG_FILE, remove_database
from runtime.settings import Settings
from runtime.signals import STOP_SIGNALS

DEMO_HOST, DEMO_HOLD_SECONDS = "127.0.0.1", 4
STAY_MINUTES = 12 * 60


def register(commands: Any) -> None:
    summary = "play a day of flights in a temporary ledger: book, pay, cancel, verify"
    add(commands, "demo", demo, summary, [PORT, JSON]).add_argument(
        "--stay", action="store_true", help="keep the server running at the end, to explore its console"
    )


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


def _verify(environment: dict[str, str]) -> Any:
    """Run `seatledger verify --names --json` and return its result."""
    process = subprocess.run(
        command("verify", "--names", "--json"),
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
