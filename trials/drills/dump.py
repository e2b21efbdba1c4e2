"""`python -m trials.drills.dump`: dump under load, restore into a new server without roles, migrate, sell."""

import argparse
import asyncio
import json
import subprocess
import sys
from contextlib import suppress

import msgspec
from loguru import logger

from analytics.schema import migrate
from api.readiness import check_readiness
from ledger.ledger import open_ledger
from runtime.settings import Settings
from trials.drills.load import acknowledged, lost, run_callers
from trials.programs.postgres import Ground, NoPrograms, Server, drill_ground
from trials.programs.program import environment_without_settings, verify_problems

LOAD_SECONDS = 0.5


class Dumped(msgspec.Struct, frozen=True):
    """The result of a restore from a dump. `mended` are the roles, grants and triggers that were missing."""

    acknowledged: int
    lost: int
    mended: int
    failed_checks: list[str]
    sold_after: int
    verified: bool

    @property
    def ok(self) -> bool:
        sells = self.sold_after > 0 and not self.failed_checks
        return self.mended > 0 and not self.lost and sells and self.verified

    def __str__(self) -> str:
        return (
            f"acknowledged before the dump: {self.acknowledged}, lost {self.lost}\n"
            f"`migrate` brought back {self.mended} roles, grants and triggers\n"
            f"readiness: {', '.join(self.failed_checks) or 'ok'};"
            f" {self.sold_after} commands accepted afterwards; verify {'ok' if self.verified else 'NOT ok'}"
        )


async def dump_and_restore(ground: Ground) -> Dumped:
    original = await asyncio.to_thread(ground.new_server, "original")
    migrate(original.url)
    async with run_callers(original.url) as calls:
        await asyncio.sleep(LOAD_SECONDS)
        before = list(calls)
        file = original.folder / "ledger.dump"
        await asyncio.to_thread(
            ground.run, "pg_dump", "--format=custom", f"--file={file}", f"--dbname={original.url}"
        )
    copy = await asyncio.to_thread(_restored, ground, original)
    mended: list[str] = []
    migrate(copy.url, mended.append)
    async with open_ledger(copy.url, Settings()) as ledger:
        readiness = await check_readiness(ledger)
    async with run_callers(copy.url) as later:
        await asyncio.sleep(LOAD_SECONDS)
    environment = {**environment_without_settings(), "DATABASE_URL": copy.url}
    return Dumped(
        acknowledged=acknowledged(before),
        lost=lost(before, copy.url),
        mended=len(mended),
        failed_checks=[check.name for check in readiness.checks if check.vital and not check.ok],
        sold_after=sum(call.status in (200, 201) for call in later),
        verified=not await asyncio.to_thread(verify_problems, environment),
    )


def _restored(ground: Ground, original: Server) -> Server:
    copy = ground.new_server("restored")
    # It ends with exit code 1, because the roles that the grants name are missing.
    with suppress(subprocess.CalledProcessError):
        ground.run("pg_restore", f"--dbname={copy.url}", original.folder / "ledger.dump")
    return copy


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when the restored ledger is complete, ready and sells."""
    parser = argparse.ArgumentParser(prog="python -m trials.drills.dump", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    options = parser.parse_args(arguments)
    logger.disable("ledger")
    try:
        with drill_ground() as ground:
            dumped = asyncio.run(dump_and_restore(ground))
    except NoPrograms as problem:
        print(f"trials.drills.dump: {problem}", file=sys.stderr)
        return 1
    print(json.dumps({"ok": dumped.ok, **msgspec.to_builtins(dumped)}) if options.json else dumped)
    return 0 if dumped.ok else 1


if __name__ == "__main__":
    sys.exit(main())
