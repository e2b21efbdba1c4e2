"""Everything that one stage runs: the program, its PostgreSQL, and the proxies on the ways between them."""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import msgspec

from cli.tokens import signed
from database.embedded import remove_database, running_database
from trials.programs.embedded import Server
from trials.programs.program import PROGRAM, STOP_SECONDS_MAX, Program, environment_without_settings
from trials.torture import clock, disk
from trials.torture.proxy import CommitWatch, Proxy, Trouble

RESTART_SECONDS_MAX = 60
STOP_SLACK_SECONDS = 1.0


class Setting(msgspec.Struct, frozen=True):
    """What a stage is played with. `proxied`: a server of the harness's own, and a proxy before it.

    `wrong_clock` needs that server, too; `small_disk` needs root, and without is a disk like any other.
    """

    proxied: bool
    hold_seconds: int
    sweep_cron: str
    deadline_seconds: float
    small_disk: bool = False
    wrong_clock: bool = False
    capture_seconds: int = 2
    program: tuple[str, ...] = PROGRAM

    @classmethod
    def drawn(cls, random: Random, proxied: bool) -> "Setting":
        return cls(
            proxied,
            hold_seconds=random.randint(1, 3),
            sweep_cron=random.choice(["*/2 * * * * *", ""]),
            deadline_seconds=random.choice([1.5, 2.0, 3.0]),
            small_disk=random.random() < 0.5,
            wrong_clock=proxied and random.random() < 0.5,
            capture_seconds=random.randint(1, 4),
        )

    def __str__(self) -> str:
        where = "DATABASE_URL through a proxy" if self.proxied else "embedded database"
        sweeps = f"swept by {self.sweep_cron}" if self.sweep_cron else "never swept"
        extras = ", small disk" * self.small_disk + ", wrong clock" * self.wrong_clock
        waits = f"holds of {self.hold_seconds} s, captures within {self.capture_seconds} s"
        return f"{where}, {waits}, {sweeps}, deadline {self.deadline_seconds} s{extras}"


class Site:
    """`programs` serve, the first is the main one; clients reach any of them through `front`."""

    def __init__(self, folder: Path, setting: Setting, random: Random) -> None:
        self.setting = setting
        self.folder = folder
        self.server = Server(folder / "data")
        self.programs: list[Program] = []
        self.front = Proxy(self._to_program, random)
        self.back = Proxy(self._to_database, random, CommitWatch)
        self.violations: list[str] = []
        self.disk_can_be_filled = False
        self.url = ""
        self._random = random
        self._secret = secrets.token_urlsafe(48)
        self._environment: dict[str, str] = {}

    def token_for(self, who: str, roles: Sequence[str]) -> str:
        return signed(self._secret, who, list(roles), minutes=600)

    async def open(self) -> None:
        self.url = f"http://127.0.0.1:{await self.front.open()}"
        database_url = ""
        if self.setting.proxied:
            password = urlsplit(self.server.url).password
            port = await self.back.open()
            database_url = (
                f"postgresql://seatledger:{password}@127.0.0.1:{port}/seatledger"
                "?sslmode=disable&gssencmode=disable"
            )
        self._environment = {
            **environment_without_settings(),
            "DATABASE_URL": database_url,
            # What a killed program leaves there goes with the site.
            "TMPDIR": str(self.folder),
            "SEATLEDGER_DATA": str(self.server.data),
            "SEATLEDGER_JWT_SECRET": self._secret,
            "SEATLEDGER_HOLD_SECONDS": str(self.setting.hold_seconds),
            "SEATLEDGER_CAPTURE_SECONDS": str(self.setting.capture_seconds),
            "SEATLEDGER_SWEEP_CRON": self.setting.sweep_cron,
            "SEATLEDGER_DEADLINE_SECONDS": str(self.setting.deadline_seconds),
        }
        await self.add_program()

    @property
    def main(self) -> Program:
        return self.programs[0]

    @property
    def environment(self) -> dict[str, str]:
        """For other commands on the same ledger, past the proxy."""
        direct = self.server.url if self.setting.proxied else ""
        return {**self._environment, "DATABASE_URL": direct}

    async def add_program(self) -> Program:
        program = Program(self._environment, self.folder / "program.log", self.setting.program)
        self.programs.append(program)
        if not await program.restart(RESTART_SECONDS_MAX):
            self.violations.append(f"the program does not start within {RESTART_SECONDS_MAX} s")
        return program

    async def retire(self, program: Program) -> None:
        """Stop one politely: its contract is exit code 0 within ten seconds."""
        code, seconds = await program.stop()
        self.programs.remove(program)
        if code != 0 or seconds > STOP_SECONDS_MAX + STOP_SLACK_SECONDS:
            self.violations.append(f"SIGTERM ended in exit code {code} after {seconds:.1f} s")

    async def mend(self) -> None:
        """Heal what can be healed, and start what has ended, as a supervisor would."""
        self.front.trouble = self.back.trouble = Trouble.NONE
        self.server.thaw()
        disk.free(self.server.data)
        if self.setting.proxied:
            await asyncio.to_thread(self.server.ensure)
        for program in self.programs:
            if not program.running and not await program.restart(RESTART_SECONDS_MAX):
                self.violations.append(f"the program does not start again within {RESTART_SECONDS_MAX} s")

    async def close(self) -> None:
        for program in self.programs:
            program.kill()
        await self.front.close()
        await self.back.close()

    async def _to_program(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if not self.programs:
            raise ConnectionRefusedError
        return await asyncio.open_connection("127.0.0.1", self._random.choice(self.programs).port)

    async def _to_database(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(self.server.socket)


@asynccontextmanager
async def open_site(setting: Setting, random: Random) -> AsyncIterator[Site]:
    """A site in a folder of its own, of which nothing is left in the end."""
    folder = Path(tempfile.mkdtemp(prefix="seatledger-torture-"))
    # Not closed to others: the server's account must be able to get in.
    folder.chmod(0o755)
    site = Site(folder, setting, random)
    try:
        async with AsyncExitStack() as stack:
            if setting.small_disk:
                site.disk_can_be_filled = stack.enter_context(disk.small_disk(site.server.data))
            stack.callback(_remove, site.server)
            if setting.proxied:
                stack.enter_context(running_database(None, site.server.data))
            if setting.wrong_clock:
                clock.make_adjustable(site.server.url)
            stack.push_async_callback(site.close)
            await site.open()
            yield site
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove(server: Server) -> None:
    server.thaw()
    disk.free(server.data)
    server.data.mkdir(exist_ok=True)
    with running_database(None, server.data):
        pass
    remove_database(server.data)
