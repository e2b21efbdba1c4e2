"""Command `check-proof`, which an auditor runs without the ledger."""

from pathlib import Path
from typing import Any

from audit.proofs import check
from cli.options import add


def register(commands: Any) -> None:
    summary = "check a proof with a public key alone: no database, no network, no settings"
    command = add(commands, "check-proof", check_proof, summary, [], needs_settings=False)
    command.add_argument("proof", type=Path, metavar="PROOF", help="output of `prove`")
    command.add_argument("--key", type=Path, required=True, metavar="PEM", help="the ledger's public key")


def check_proof(proof: Path, key: Path) -> int:
    """Check a proof. Return 0 if proved, 1 if not, 2 if a file is missing."""
    return check.report(proof, key)
