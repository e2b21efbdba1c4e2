"""A checkpoint can be checked by hand as docs/how-to/proofs.md says, with nothing of ours."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.proofs.checkpoint import Checkpoint, sign
from audit.proofs.keys import public_pem
from tests.docs.test_readme import blocks
from tests.programs import needs, program_path


@needs("openssl")
def test_a_checkpoint_is_checked_by_hand(checkout: Path, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    made = sign(key, 8, b"\x01" * 32, b"\x02" * 32, "2031-05-01T20:00:00.000000Z")
    (tmp_path / "auditor.pub").write_text(public_pem(key))
    document = checkout / "docs" / "how-to" / "proofs.md"
    (python,), (_, shell) = blocks(document, "python"), blocks(document, "sh")

    def by_hand(checkpoint: Checkpoint) -> Any:
        (tmp_path / "checkpoints.jsonl").write_text(checkpoint.line())
        subprocess.run([sys.executable, "-c", python], cwd=tmp_path, check=True, timeout=30)
        environment = {"PATH": program_path()}
        return subprocess.run(
            shell, shell=True, cwd=tmp_path, env=environment, capture_output=True, timeout=30
        )

    assert by_hand(made).returncode == 0, "openssl takes it"
    forged = Checkpoint(9, made.hash, made.root, made.time, made.key, made.signature)
    assert by_hand(forged).returncode != 0
