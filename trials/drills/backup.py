"""`python -m trials.drills.backup`: restore a base backup and the archived WAL to a moment."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from loguru import logger

from analytics.schema import migrate
from audit.proofs.checkpoint import Checkpoint
from audit.proofs.checkpoint_file import append_checkpoints
from audit.proofs.signer import sign_checkpoint
from database.connection import connect
from trials.checker.calls import Call
from trials.drills.load import acknowledged, lost, run_callers
from trials.programs.postgres import Ground, NoPrograms, Server, drill_ground
from trials.programs.program import (
    PROGRAM,
    ROOT,
    START_SECONDS_MAX,
    environment_without_settings,
    verify_problems,
)

LOAD_SECONDS = 1.0


class Restored(msgspec.Struct, frozen=True):
    """The result of a restore. Events after the target are lost on purpose; before it none may be."""

    target: datetime
    backup_seconds: float
    restore_seconds: float
    events: int
    restored_events: int
    exact_prefix: bool
    acknowledged_before: int
    lost_before: int
    keys_lost_after: int
    verified: bool
    refused: bool
    """The program does not open it while a checkpoint of a later event is at hand."""

    @property
    def ok(self) -> bool:
        is_whole = self.exact_prefix and self.verified and not self.lost_before and self.restored_events > 0
        return is_whole and self.refused

    def __str__(self) -> str:
        return (
            f"base backup {self.backup_seconds:.1f} s under load, restored to {self.target:%H:%M:%S.%f} "
            f"in {self.restore_seconds:.1f} s\n"
            f"{self.restored_events} of {self.events} events, "
            f"{'an exact prefix' if self.exact_prefix else 'NOT a prefix'} of the log; "
            f"verify {'ok' if self.verified else 'NOT ok'}; "
            f"{'not opened' if self.refused else 'OPENED'} against a later checkpoint\n"
            f"acknowledged before the target: {self.acknowledged_before}, lost {self.lost_before}\n"
            f"after it, lost on purpose: {self.events - self.restored_events} events, "
            f"and {self.keys_lost_after} acknowledged commands that lost their keys"
        )


async def back_up_and_restore(ground: Ground) -> Restored:
    archive = ground.folder_for("archive")
    original = await asyncio.to_thread(ground.new_server, "original", archiving_to(archive))
    migrate(original.url)
    async with run_callers(original.url) as calls:
        await asyncio.sleep(LOAD_SECONDS)
        started = time.monotonic()
        copy = await asyncio.to_thread(ground.copy_of, original, "restored")
        backup_seconds = time.monotonic() - started
        await asyncio.sleep(LOAD_SECONDS)
        before = list(calls)
        # Later than every answered commit: on one machine there is one clock.
        ((target,),) = original.ask("select clock_timestamp()")
        await asyncio.sleep(LOAD_SECONDS)
    file = archive / "checkpoints.jsonl"
    append_checkpoints(file, [await _sign(original.url)])
    await asyncio.to_thread(_archive_all, original)
    started = time.monotonic()
    await asyncio.to_thread(_restore, copy, archive, target)
    restore_seconds = time.monotonic() - started
    environment = {**environment_without_settings(), "DATABASE_URL": copy.url}
    return Restored(
        target=target,
        backup_seconds=backup_seconds,
        restore_seconds=restore_seconds,
        verified=not await asyncio.to_thread(verify_problems, environment),
        refused=await asyncio.to_thread(_is_refused, environment, file),
        **_compared(original, copy, before, calls),
    )


async def _sign(url: str) -> Checkpoint:
    async with await connect(url, "drill") as connection:
        made = await sign_checkpoint(connection, Ed25519PrivateKey.generate())
        assert made
        return made


def _is_refused(environment: Mapping[str, str], file: Path) -> bool:
    """Return whether the scheduler ends at once and names the checkpoint."""
    started = subprocess.run(
        [sys.executable, *PROGRAM, "scheduler", "--data", str(file.parent)],
        cwd=ROOT,
        env={**environment, "SEATLEDGER_CHECKPOINTS": str(file)},
        capture_output=True,
        text=True,
        timeout=START_SECONDS_MAX,
        check=False,
    )
    return started.returncode == 1 and "but a checkpoint saw position" in started.stderr


def archiving_to(archive: Path) -> dict[str, str]:
    """Return the server's settings. A copy goes by two names, so that a partial one is never a segment."""
    copied = f"cp %p {archive}/%f.part && mv {archive}/%f.part {archive}/%f"
    return {"archive_mode": "on", "archive_command": f"test ! -f {archive}/%f && {copied}"}


def _archive_all(server: Server) -> None:
    """Archive the current segment, which would be lost with the server."""
    ((segment,),) = server.ask("select pg_walfile_name(pg_switch_wal())")
    server.wait_until(lambda: server.ask(_ARCHIVED, segment) == [(True,)])


def recovering_to(target: str, archive: Path) -> dict[str, str]:
    """Return the restored server's settings."""
    return {
        "restore_command": f"cp {archive}/%f %p",
        "recovery_target_time": target,
        "recovery_target_action": "promote",
        # It must not write into the archive from which it was restored.
        "archive_mode": "off",
    }


def _restore(copy: Server, archive: Path, target: datetime) -> None:
    copy.settings |= recovering_to(target.isoformat(), archive)
    (copy.cluster / "recovery.signal").touch()
    owner = copy.cluster.stat()
    os.chown(copy.cluster / "recovery.signal", owner.st_uid, owner.st_gid)
    copy.start()
    copy.wait_until(lambda: copy.ask("select pg_is_in_recovery()") == [(False,)])


def _compared(original: Server, copy: Server, before: list[Call], calls: list[Call]) -> dict[str, Any]:
    ((events,),) = original.ask("select max(position) from ledger.events")
    head = copy.ask("select position, hash from ledger.events order by position desc limit 1")
    return {
        "events": events,
        "restored_events": head[0][0] if head else 0,
        # The hash covers everything before it: an equal hash means an equal log.
        "exact_prefix": head == original.ask(_AT, head[0][0]) if head else False,
        "acknowledged_before": acknowledged(before),
        "lost_before": lost(before, copy.url),
        "keys_lost_after": lost(calls, copy.url) - lost(before, copy.url),
    }


_AT = "select position, hash from ledger.events where position = %s"
_ARCHIVED = "select coalesce(last_archived_wal >= %s, false) from pg_stat_archiver"


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when the restored log is an exact prefix that verifies and holds all acknowledged commands."""
    parser = argparse.ArgumentParser(prog="python -m trials.drills.backup", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    options = parser.parse_args(arguments)
    logger.disable("ledger")
    try:
        with drill_ground() as ground:
            restored = asyncio.run(back_up_and_restore(ground))
    except NoPrograms as problem:
        print(f"trials.drills.backup: {problem}", file=sys.stderr)
        return 1
    print(json.dumps({"ok": restored.ok, **msgspec.to_builtins(restored)}) if options.json else restored)
    return 0 if restored.ok else 1


if __name__ == "__main__":
    sys.exit(main())
