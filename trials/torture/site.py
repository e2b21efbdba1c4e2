"""One scenario's programs: the API and scheduler, PostgreSQL, the gateway, and proxies between them."""

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

from cli.tokens import sign_token
from database.embedded import remove_database, running_database
from trials.checker.ledgers import ONLY_MAIN, LedgerPlace
from trials.programs.embedded import Server
from trials.programs.ledgers import TWO, create_ledgers
from trials.programs.program import PROGRAM, STOP_SECONDS_MAX, Program, environment_without_settings
from trials.torture import clock, disk
from trials.torture.gateway import Gateway
from trials.torture.proxy import CommitWatch, Proxy, Trouble

RESTART_SECONDS_MAX = 60
STOP_SLACK_SECONDS = 1.0
SWEEP_CRON = "*/2 * * * * *"


class Setting(msgspec.Struct, frozen=True):
    """The parameters of a scenario.

    `proxied`: the harness runs the database server, with a proxy before it; `wrong_clock` needs that server.
    `small_disk` has an effect for root only. `gateway`: payments go through the gateway simulator, and there
    is one ledger; otherwise there are two behind the one API.
    """

    proxied: bool
    hold_seconds: int
    sweep_cron: str
    deadline_seconds: float
    small_disk: bool = False
    wrong_clock: bool = False
    capture_seconds: int = 2
    program: tuple[str, ...] = PROGRAM
    gateway: bool = False
    ledgers: tuple[LedgerPlace, ...] = TWO

    @classmethod
    def drawn(cls, random: Random, proxied: bool) -> "Setting":
        return cls(
            proxied,
            hold_seconds=random.randint(1, 3),
            sweep_cron=random.choice([SWEEP_CRON, ""]),
            deadline_seconds=random.choice([1.5, 2.0, 3.0]),
            small_disk=random.random() < 0.5,
            wrong_clock=proxied and random.random() < 0.5,
            capture_seconds=random.randint(1, 4),
        )

    @classmethod
    def with_gateway(cls, program: tuple[str, ...] = PROGRAM) -> "Setting":
        return cls(
            False, 3, SWEEP_CRON, 5.0, capture_seconds=4, program=program, gateway=True, ledgers=ONLY_MAIN
        )

    def __str__(self) -> str:
        where = "DATABASE_URL through a proxy" if self.proxied else "embedded database"
        sweeps = f"swept by {self.sweep_cron}" if self.sweep_cron else "never swept"
        extras = ", small disk" * self.small_disk + ", wrong clock" * self.wrong_clock
        extras += ", payment gateway" * self.gateway + ", two ledgers" * (len(self.ledgers) > 1)
        waits = f"holds of {self.hold_seconds} s, captures within {self.capture_seconds} s"
        return f"{where}, {waits}, {sweeps}, deadline {self.deadline_seconds} s{extras}"


class Site:
    """The running programs. Clients reach any of `programs` through `front`; the first is the main one."""

    def __init__(self, folder: Path, setting: Setting, random: Random) -> None:
        self.setting = setting
        self.folder = folder
        self.server = Server(folder / "data")
        self.gateway = Gateway(folder) if setting.gateway else None
        self.programs: list[Program] = []
        self.front = Proxy(self._to_program, random)
        self.back = Proxy(self._to_database, random, CommitWatch)
        self.violations: list[str] = []
        self.disk_can_be_filled = False
        self.url = ""
        self._random = random
        self._secret = secrets.token_urlsafe(48)
        self._environment: dict[str, str] = {}

    def token_for(self, subject: str, roles: Sequence[str]) -> str:
        return sign_token(self._secret, subject, list(roles), minutes=600)

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
            # Files that a killed program leaves there are removed with the site.
            "TMPDIR": str(self.folder),
            "SEATLEDGER_DATA": str(self.server.data),
            "SEATLEDGER_JWT_SECRET": self._secret,
            "SEATLEDGER_HOLD_SECONDS": str(self.setting.hold_seconds),
            "SEATLEDGER_CAPTURE_SECONDS": str(self.setting.capture_seconds),
            "SEATLEDGER_OFFER_SECONDS": str(self.setting.hold_seconds),
            "SEATLEDGER_SWEEP_CRON": self.setting.sweep_cron,
            "SEATLEDGER_DEADLINE_SECONDS": str(self.setting.deadline_seconds),
        }
        if self.gateway:
            self._environment |= self.gateway.settings
            await self._restart(self.gateway.program, "the gateway")
        await self.add_program()

    @property
    def main(self) -> Program:
        return self.programs[0]

    @property
    def environment(self) -> dict[str, str]:
        """The environment for other commands on the same ledger, past the proxy."""
        direct = self.server.url if self.setting.proxied else ""
        return {**self._environment, "DATABASE_URL": direct}

    async def add_program(self) -> Program:
        program = Program(self._environment, self.folder / "program.log", self.setting.program)
        self.programs.append(program)
        await self._restart(program, "the program")
        return program

    async def retire(self, program: Program) -> None:
        """Stop a program by SIGTERM. Its contract is exit code 0 within ten seconds."""
        code, seconds = await program.stop()
        self.programs.remove(program)
        if code != 0 or seconds > STOP_SECONDS_MAX + STOP_SLACK_SECONDS:
            self.violations.append(f"SIGTERM ended in exit code {code} after {seconds:.1f} s")

    async def mend(self) -> None:
        """Heal what can be healed, and start programs that have ended, as a supervisor would."""
        self.front.trouble = self.back.trouble = Trouble.NONE
        self.server.thaw()
        disk.free(self.server.data)
        if self.setting.proxied:
            await asyncio.to_thread(self.server.ensure)
        if self.gateway and not self.gateway.program.running:
            await self._restart(self.gateway.program, "the gateway")
        for program in self.programs:
            if not program.running:
                await self._restart(program, "the program")

    async def calm(self) -> None:
        """Heal everything; the gateway has no more mishaps either."""
        await self.mend()
        if self.gateway:
            await self.gateway.switch({})

    async def close(self) -> None:
        for program in self.programs:
            program.kill()
        if self.gateway:
            self.gateway.kill()
        await self.front.close()
        await self.back.close()

    async def _restart(self, program: Program, name: str) -> None:
        if not await program.restart(RESTART_SECONDS_MAX):
            self.violations.append(f"{name} does not start within {RESTART_SECONDS_MAX} s")

    async def _to_program(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if not self.programs:
            raise ConnectionRefusedError
        return await asyncio.open_connection("127.0.0.1", self._random.choice(self.programs).port)

    async def _to_database(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(self.server.socket)


@asynccontextmanager
async def open_site(setting: Setting, random: Random) -> AsyncIterator[Site]:
    """Open a site in a folder of its own; remove all of it at the end."""
    # Directly below /tmp, because the path of a socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="seatledger-torture-", dir="/tmp"))
    # The database server's account must be able to enter.
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
            with running_database(None, site.server.data) as url:
                create_ledgers(url, site.server.data, setting.ledgers)
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
