"""The bookings in the README and the tutorial, and the SQL of docs/reference/chain.md, work as shown."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.programs import find_program, needs, program_path
from trials.programs.ports import free_port


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)


@needs("bash", "curl")
@pytest.mark.parametrize(("page", "calls"), [("README.md", 3), ("docs/tutorial/first-booking.md", 4)])
def test_the_booking_in_a_document_works_as_shown_and_can_be_repeated(
    checkout: Path, tmp_path: Path, page: str, calls: int
) -> None:
    port = str(free_port())
    shown = "".join(block for block in blocks(checkout / page, "sh") if "$api" in block or "api=" in block)
    assert shown.count("curl") == calls
    script = shown.replace("8000", port).replace("python3 run.py", f"{sys.executable} -m cli.main")
    environment = {
        "PATH": program_path(),
        "PYTHONPATH": str(checkout),
        "SEATLEDGER_DATA": str(tmp_path / "data"),
        "SEATLEDGER_PORT": port,
        "SEATLEDGER_LOG_LEVEL": "WARNING",
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "up"], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout
        assert server.stdout.readline() == f"ready http://127.0.0.1:{port}\n"
        shell, again = (
            subprocess.run(
                [str(find_program("bash")), "-euo", "pipefail", "-c", script],
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
            )
            for _ in range(2)
        )
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=15)
    assert shell.returncode == 0, shell.stderr
    assert '"seats":200,"price":{"amount":450000,"currency":"INR"}' in shell.stderr
    assert '"total_cost":{"amount":900000,"currency":"INR"},"status":"initiated"' in shell.stderr
    assert again.returncode == 0, again.stderr
    assert "HTTP/1.1 201 Created" in again.stdout
    assert "ledger-position: 7" in again.stdout
    paid, _, history = shell.stdout.partition('{"booking_id"')
    assert paid.startswith("HTTP/1.1 201 Created")
    assert "ledger-position: 4" in paid
    assert '"status":"booked"' in paid
    if "/history" in script:
        assert re.findall(r'"position":(\d+)', history) == ["2", "3", "4"]
        assert history.endswith(
            "ok: 4 events checked; chain, positions, versions, commands, seats and views hold\n"
        )
    assert server.returncode == 0


def test_the_chain_is_checked_by_the_sql_in_the_docs(checkout: Path, database_url: str) -> None:
    (statement,) = blocks(checkout / "docs" / "reference" / "chain.md", "sql")
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert connection.execute(statement).fetchone() == (None,)  # type: ignore[arg-type]
        for position in (1, 2, 3):
            connection.execute(
                "insert into ledger.events values (%s, gen_random_uuid(), 1, 't', '{}', 'a', 'o', 1, %s, '',"
                " '', now(), '', sha256(''))",
                (position, f"k-{position}"),
            )
        assert connection.execute(statement).fetchone() == (1,)  # type: ignore[arg-type]
