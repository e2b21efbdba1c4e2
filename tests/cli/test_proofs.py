"""Commands for checkpoints and proofs; checking works without a ledger."""

import asyncio
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from audit.proofs.keys import signing_key
from runtime.settings import Settings
from tests.audit.proofs.test_sinks import Board, board
from tests.audit.verify.test_forged_chains import RELINK
from tests.desk import desk, log

__all__ = ["board", "desk", "log"]


@pytest.fixture
def seatledger(database_url: str, tmp_path: Path, checkout: Path) -> Any:
    """Return a function that runs the program in an empty folder, with the ledger unless `bare`."""
    signing_key(Settings(data=tmp_path / "data"))  # made by `up`

    async def run(*words: str, bare: bool = False, **settings: str) -> Any:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(checkout), **settings}
        if not bare:
            environment |= {"DATABASE_URL": database_url, "SEATLEDGER_DATA": str(tmp_path / "data")}
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "cli.main", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return SimpleNamespace(code=done.returncode, out=done.stdout, err=done.stderr)

    return run


async def said(running: Any, code: int = 0) -> str:
    done = await running
    assert done.code == code, done
    return str(done.out or done.err)


async def test_a_proof_is_made_here_and_checked_there(
    seatledger: Any, log: list[UUID], tmp_path: Path
) -> None:
    (tmp_path / "auditor.pub").write_text(await said(seatledger("public-key")))
    (tmp_path / "proof.json").write_text(await said(seatledger("prove", str(log[1]))))
    (tmp_path / ".env").write_text("SEATLEDGER_PORT=rubbish\nDATABASE_URL=rubbish\n")
    told = await said(seatledger("check-proof", "proof.json", "--key", "auditor.pub", bare=True))
    assert "proved against checkpoint at position 8" in told
    assert told.count("booking.") == 5
    spoil(tmp_path / "proof.json")
    told = await said(seatledger("check-proof", "proof.json", "--key", "auditor.pub", bare=True), code=1)
    assert told.startswith("NOT proved: event 2: is not what the log of the checkpoint says")
    await said(seatledger("check-proof", "nowhere", "--key", "auditor.pub", bare=True), code=2)
    await said(seatledger("check-proof", "proof.json", bare=True), code=2)


def spoil(proof: Path) -> None:
    proof.write_text(proof.read_text().replace('"pay_booking"', '"pay_bookinG"', 1))


async def test_the_key_is_private_and_can_be_given(seatledger: Any, log: list[UUID], tmp_path: Path) -> None:
    public = await said(seatledger("public-key"))
    made = tmp_path / "data" / "checkpoint-key.pem"
    assert made.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in (tmp_path / "data").iterdir()] == [made.name]
    given = {"SEATLEDGER_CHECKPOINT_KEY": str(made), "SEATLEDGER_DATA": "elsewhere"}
    assert await said(seatledger("public-key", bare=True, **given)) == public
    (tmp_path / "rubbish").write_text("rubbish")
    wrong = {**given, "SEATLEDGER_CHECKPOINT_KEY": str(tmp_path / "rubbish")}
    assert "must hold an Ed25519" in await said(seatledger("public-key", bare=True, **wrong), code=2)


async def test_an_auditor_keeps_checkpoints_and_compares(
    seatledger: Any, log: list[UUID], desk: Any, tamper: Any, rows: Any, tmp_path: Path
) -> None:
    printed = await said(seatledger("checkpoint", "--to", "mine"))
    assert (tmp_path / "mine").read_text() == printed
    await desk.hold(log[0], "erin")
    await said(seatledger("checkpoint", "--to", "mine"))
    assert "2 saved checkpoints fit" in await said(seatledger("verify", "--against", "mine"))
    proof = await said(seatledger("prove", "--from", "8", "--to", "9"))
    (tmp_path / "proof.json").write_text(proof)
    (tmp_path / "auditor.pub").write_text(await said(seatledger("public-key")))
    checked = await said(seatledger("check-proof", "proof.json", "--key", "auditor.pub", bare=True))
    assert checked.startswith("nothing up to position 8 has changed")
    assert "9" in await said(seatledger("prove", "--from", "mine"))
    tamper(
        "delete from ledger.checkpoints; delete from ledger.tiles;"
        "update ledger.events set correlation_id = 'forged' where position = 9;"
        "update ledger.commands set correlation_id = 'forged' where first_position = 9;" + RELINK
    )
    assert (await said(seatledger("verify"))).startswith("ok: 9 events checked")
    found = json.loads(
        await said(seatledger("verify", "--json", "--against", "mine", "--key", "auditor.pub"), code=1)
    )
    assert (found["first_bad_position"], "position 9 to 9" in found["reason"]) == (9, True)
    refused = await said(seatledger("checkpoint", "--to", "mine"), code=1)
    assert "the log up to position 9 is not what a checkpoint saw" in refused
    for words in (["prove", str(log[1]), "--checkpoint", "mine"], ["prove", "--from", "mine"]):
        assert "is not what a checkpoint saw" in await said(seatledger(*words), code=1)
    refused = await said(seatledger("prove", str(log[1]), SEATLEDGER_CHECKPOINTS="mine"), code=1)
    assert "is not what a checkpoint saw" in refused
    assert rows("select count(*) from ledger.checkpoints") == [(0,)], "nothing was signed of the forged log"


async def test_a_forged_file_of_checkpoints_is_refused(
    seatledger: Any, log: list[UUID], tmp_path: Path
) -> None:
    await said(seatledger("checkpoint", "--to", "mine"))
    forge(tmp_path / "mine")
    assert "signature" in await said(seatledger("verify", "--against", "mine"), code=1)
    (tmp_path / "empty").write_text("")
    assert "no checkpoint" in await said(seatledger("verify", "--against", "empty"), code=1)


def forge(file: Path) -> None:
    file.write_text(file.read_text().replace('"position":8', '"position":7'))


async def test_a_checkpoint_goes_to_a_url(seatledger: Any, log: list[UUID], board: Board) -> None:
    printed = await said(seatledger("checkpoint", "--to", board.url))
    assert board.handler.taken == [json.loads(printed)]


WRONG = [
    ["prove"],
    ["prove", "no-uuid"],
    ["prove", "--to", "8"],
    ["prove", "00000000-0000-4000-8000-000000000000", "--from", "8"],
    ["prove", "00000000-0000-4000-8000-000000000000", "--checkpoint", "nowhere"],
    ["checkpoint", "--to", "ftp://x"],
    ["verify", "--key", "nowhere"],
    ["verify", "--against", "nowhere"],
]


@pytest.mark.parametrize("words", WRONG)
async def test_wrong_usage_exits_with_2(
    seatledger: Any, words: list[str], log: list[UUID], tmp_path: Path
) -> None:
    if words == ["verify", "--against", "nowhere"]:  # wrong only if the data folder has no key
        (tmp_path / "data" / "checkpoint-key.pem").unlink()
    done = await seatledger(*words)
    assert done.code == 2, done
    assert done.err.count("\n") == 1


async def test_missing_objects_are_not_proved(seatledger: Any, log: list[UUID], desk: Any) -> None:
    assert "no event" in await said(seatledger("prove", str(UUID(int=0))), code=1)
    assert "no checkpoint was made at position 3" in await said(seatledger("prove", "--from", "3"), code=1)


async def test_an_empty_log_has_no_checkpoint(seatledger: Any) -> None:
    assert "the log is empty" in await said(seatledger("checkpoint"), code=1)


async def test_a_list_of_all_heads_is_signed_and_checked(
    seatledger: Any, log: list[UUID], tmp_path: Path
) -> None:
    keys = tmp_path / "auditor.pub"
    keys.write_text(await said(seatledger("public-key")))
    for name in ("ai", "empty"):
        await said(seatledger("ledgers", "create", name))
    assert "cannot be given with --all" in await said(seatledger("checkpoint", "--all", "--to", "f"), code=2)
    (tmp_path / "heads.json").write_text(await said(seatledger("checkpoint", "--all")))
    heads = json.loads((tmp_path / "heads.json").read_text())
    positions = {one["ledger"]: one["checkpoint"] and one["checkpoint"]["position"] for one in heads["heads"]}
    assert positions == {"main": 8, "ai": None, "empty": None}
    check = partial(seatledger, "check-proof", "heads.json", "--key", "auditor.pub", bare=True)
    assert "these were the logs of 3 ledgers" in await said(check())
    heads["heads"][1], heads["heads"][2] = heads["heads"][2], heads["heads"][1]
    (tmp_path / "heads.json").write_text(json.dumps(heads))
    assert "the signature of the list of heads does not fit" in await said(check(), code=1)
    heads["heads"][2] = heads["heads"][1]
    (tmp_path / "heads.json").write_text(json.dumps(heads))
    assert "listed twice" in await said(check(), code=1)
