"""Work side by side: each part in a process of its own, its results told one by one as they come."""

import gc
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

SILENT_SECONDS_MAX = 600.0
"""A process that tells nothing for so long has met something that will not pass."""

END_SECONDS_MAX = 5.0

Work = Callable[..., Generator[Any, None, None]]

# Started afresh, not forked: what a process is made of then does not depend on who started it, and when.
_processes = get_context("spawn")


class CutShort(Exception):
    """A process that did a part of the work ended before it was done: nothing is known. Run it again."""


@contextmanager
def side_by_side(work: Work, parts: Sequence[tuple[Any, ...]]) -> Iterator[list[Iterator[Any]]]:
    """Calls `work` with each part's arguments; for each part gives an iterator of its results.

    A single part is done here. Results travel by pickle; a process waits while nobody takes them, so memory
    is bounded. Iterators raise what `work` raised, or CutShort.
    """
    if len(parts) == 1:
        with closing(work(*parts[0])) as results:
            yield [results]
        return
    started = []
    try:
        for part in parts:
            here, there = _processes.Pipe(duplex=False)
            process = _processes.Process(target=_do, args=(there, work, part), daemon=True)
            process.start()
            started.append((process, here))
            # The only other end is the process's own: when it dies, this one hears of it.
            there.close()
        yield [_results(here) for _, here in started]
    finally:
        for process, here in started:
            here.close()
            process.terminate()
        for process, _ in started:
            process.join(END_SECONDS_MAX)
            process.kill()


def _results(here: Connection) -> Iterator[Any]:
    while True:
        try:
            if not here.poll(SILENT_SECONDS_MAX):
                raise CutShort(f"a process has told nothing for {SILENT_SECONDS_MAX:.0f} s")
            told, error, is_last = here.recv()
        except (EOFError, OSError) as lost:
            raise CutShort("a process died before it was done; nothing is known, run it again") from lost
        if error is not None:
            raise error
        if is_last:
            return
        yield told


def _do(there: Connection, work: Work, part: tuple[Any, ...]) -> None:
    """In the new process. Whoever started it has ended when nobody listens any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a part of the work needs goes with it, by reference counts; to look for cycles takes a fifth.
    gc.disable()
    try:
        for result in work(*part):
            there.send((result, None, False))
    except BrokenPipeError:
        return
    except Exception as error:
        there.send((None, error, False))
        return
    there.send((None, None, True))
