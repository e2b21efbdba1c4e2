"""Proof of one booking's history, checked with nothing but a public key."""

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli.subprocesses import command, importable

SECONDS_MAX = 60
PROVED, REFUTED = 0, 1


def prove(environment: dict[str, str], booking_id: str) -> dict[str, Any]:
    """Make a proof of the booking's history, and check it in an empty folder, without any settings.

    Check a copy with one changed letter too, which must be refuted.
    """
    with tempfile.TemporaryDirectory(prefix="seatledger-outsider-") as folder:
        proof, key, forged = (Path(folder) / name for name in ("proof.json", "auditor.pub", "forged.json"))
        proof.write_text(_output(environment, "prove", booking_id))
        key.write_text(_output(environment, "public-key"))
        text = proof.read_text()
        at = text.index("booking.initiated") + len("booking.")
        forged.write_text(f"{text[:at]}I{text[at + 1 :]}")
        bare_environment = {name: text for name, text in environment.items() if name in ("PATH", "HOME")}
        genuine, changed = (
            _run(bare_environment, "check-proof", str(file), "--key", str(key), cwd=folder)
            for file in (proof, forged)
        )
        return {
            "booking_id": booking_id,
            "bytes": len(text),
            "proved": genuine.returncode == PROVED,
            "forgery_found": changed.returncode == REFUTED,
        }


def _output(environment: dict[str, str], *arguments: str) -> str:
    run = _run(environment, *arguments)
    run.check_returncode()
    return run.stdout


def _run(
    environment: dict[str, str], *arguments: str, cwd: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        env=importable(environment),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


Prove = Callable[[str], dict[str, Any]]
