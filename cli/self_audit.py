"""Command `self-audit`: one full round, which the scheduler runs in steps all the time."""

import asyncio
import sys
from typing import Any

import msgspec
import psycopg

from audit.self_audit.rounds import full_round
from audit.self_audit.status import AuditStatus, read_status
from cli.existing_ledger import existing_ledger
from cli.options import ALL_LEDGERS, DATA, JSON, LEDGER, add
from database.connection import connect
from ledger.keyring import Keyring
from ledger.master_key import find_keyring, hidden_names, read_check
from ledger.master_key_file import find_keys
from runtime.settings import Settings


def register(commands: Any) -> None:
    summary = "compare views and seat counts with the log by digest; exit 1 on a divergence"
    add(commands, "self-audit", self_audit, summary, [DATA, LEDGER, ALL_LEDGERS, JSON])


def self_audit(settings: Settings, json: bool) -> int:
    """Run a round. Return 0 if the views agree with the log, else 1. The program may run meanwhile or not.

    The index of family names needs the master key; without it, standard error says that it was not compared.
    """
    with existing_ledger(settings) as url:
        check = read_check(url)
        keyring = find_keyring([Keyring(key) for key in find_keys(settings)], check)
        if hidden := hidden_names(settings, check, keyring):
            print(f"seatledger: the index of family names was not compared: {hidden}", file=sys.stderr)
        try:
            found = asyncio.run(_one_round(url, keyring))
        except (psycopg.Error, OSError):
            raise
        except Exception as error:
            print(f"seatledger: the self-audit failed, and compared nothing: {error!r}", file=sys.stderr)
            return 1
    if json:
        print(msgspec.json.encode({**msgspec.to_builtins(found), "ledger": settings.ledger}).decode())
    elif found.ok:
        print(
            f"ok: {found.rows} rows of views and seat counts agree with the log to position {found.position}"
        )
    else:
        print(f"NOT ok: first bad position {found.first_bad_position}: {found.reason}")
    return 0 if found.ok else 1


async def _one_round(url: str, keyring: Keyring) -> AuditStatus:
    async with await connect(url, "seatledger self-audit") as connection:
        await full_round(connection, keyring)
        return await read_status(connection)
