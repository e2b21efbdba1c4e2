"""What the drill runs: the gateway simulator with its store, and the program with its database."""

import asyncio
import json
import secrets
import shutil
import signal
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from cli.tokens import signed
from database.embedded import remove_database, running_database
from trials.programs.embedded import Server
from trials.programs.processes import send, wait_for_end
from trials.programs.program import PROGRAM, Program, environment_without_settings

HOLD_SECONDS = 3
CAPTURE_SECONDS = 4
GATEWAY_SECONDS = 1
SWEEP_CRON = "*/2 * * * * *"
RESTART_SECONDS_MAX = 60
SWITCH_SECONDS_MAX = 5
KEY = "sk_test_simulator"


class Site:
    """All in one folder. `program` is how Python starts ours, which a control has broken."""

    def __init__(self, folder: Path, program: Sequence[str] = PROGRAM) -> None:
        self.folder = folder
        self.store = folder / "gateway.db"
        self.server = Server(folder / "data")
        self._secret = secrets.token_urlsafe(48)
        plain = {**environment_without_settings(), "TMPDIR": str(folder), "SEATLEDGER_GATEWAY_KEY": KEY}
        simulator = ("gateway", "--store", str(self.store))
        self.gateway = Program(plain, folder / "gateway.log", arguments=simulator)
        self.environment = {
            **plain,
            "SEATLEDGER_DATA": str(self.server.data),
            "SEATLEDGER_JWT_SECRET": self._secret,
            "SEATLEDGER_HOLD_SECONDS": str(HOLD_SECONDS),
            "SEATLEDGER_CAPTURE_SECONDS": str(CAPTURE_SECONDS),
            "SEATLEDGER_SWEEP_CRON": SWEEP_CRON,
            "SEATLEDGER_GATEWAY": "simulator",
            "SEATLEDGER_GATEWAY_URL": self._gateway_url,
            "SEATLEDGER_GATEWAY_SECONDS": str(GATEWAY_SECONDS),
        }
        self.program = Program(self.environment, folder / "program.log", program)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.program.port}"

    @property
    def _gateway_url(self) -> str:
        return f"http://127.0.0.1:{self.gateway.port}"

    def token_for(self, who: str, roles: Sequence[str]) -> str:
        return signed(self._secret, who, list(roles), minutes=600)

    async def mend(self) -> None:
        """Start what has ended, as a supervisor would. Raises ChildProcessError when it will not stay up."""
        for each in (self.gateway, self.program):
            if not each.running and not await each.restart(RESTART_SECONDS_MAX):
                raise ChildProcessError(f"a program does not start within {RESTART_SECONDS_MAX} s")

    async def switch(self, switches: Mapping[str, Any]) -> None:
        """Raises OSError while the simulator is dead."""
        request = urllib.request.Request(
            f"{self._gateway_url}/switches",
            json.dumps(switches).encode(),
            {"Authorization": f"Bearer {KEY}"},
            method="PUT",
        )
        await asyncio.to_thread(_send, request)

    def kill_database(self) -> None:
        """With its keeper, which would start it again."""
        keeper = self.server.keeper()
        send(signal.SIGSTOP, keeper)
        self.server.kill()
        send(signal.SIGKILL, keeper)
        wait_for_end(keeper)

    def last_words(self) -> str:
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(log.read_text(errors="replace")[-3000:] for log in logs)

    def close(self) -> None:
        self.program.kill()
        self.gateway.kill()


@asynccontextmanager
async def open_site(program: Sequence[str] = PROGRAM) -> AsyncIterator[Site]:
    """A running site, of which nothing is left in the end. Raises ChildProcessError."""
    site = Site(_new_folder(), program)
    try:
        await site.mend()
        yield site
    except ChildProcessError as problem:
        # The logs are about to go.
        problem.add_note(site.last_words())
        raise
    finally:
        site.close()
        await asyncio.to_thread(_remove, site)


def _send(request: urllib.request.Request) -> None:
    urllib.request.urlopen(request, timeout=SWITCH_SECONDS_MAX).close()


def _new_folder() -> Path:
    # Directly below /tmp, because the path of a socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="seatledger-drill-", dir="/tmp"))
    # Not closed to others: the database's account must be able to get in.
    folder.chmod(0o755)
    return folder


def _remove(site: Site) -> None:
    with suppress(OSError), running_database(None, site.server.data):
        pass
    remove_database(site.server.data)
    shutil.rmtree(site.folder, ignore_errors=True)
