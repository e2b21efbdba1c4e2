"""Parallel work: each part runs in a process of its own and sends its results one by one."""

import gc
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from runtime.failures import CUT_SHORT, CommandFailed

SILENT_SECONDS_MAX = 600.0
"""A process without a result for so long is taken for stuck."""

END_SECONDS_MAX = 5.0

Work = Callable[..., Generator[Any, None, None]]

# Spawned processes do not inherit state of their parent, so they behave alike in every program.
_processes = get_context("spawn")


class WorkerDied(CommandFailed):
    """A worker process ended before its part was done. The result is unknown; run the work again."""

    exit_code = CUT_SHORT


@contextmanager
def run_in_parallel(work: Work, parts: Sequence[tuple[Any, ...]]) -> Iterator[list[Iterator[Any]]]:
    """Call `work` with the arguments of each part; yield one iterator of results a part.

    A single part runs in this process. Results are pickled. A process waits until its results are read, so
    memory is bounded. The iterators raise the errors of `work`, or WorkerDied.
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
            # Only the worker holds the other end now, so its death ends the pipe.
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
                raise WorkerDied(f"a worker process has sent no result for {SILENT_SECONDS_MAX:.0f} s")
            result, error, is_last = here.recv()
        except (EOFError, OSError) as lost:
            raise WorkerDied(
                "a worker process died before it was done; the result is unknown, run it again"
            ) from lost
        if error is not None:
            raise error
        if is_last:
            return
        yield result


def _do(there: Connection, work: Work, part: tuple[Any, ...]) -> None:
    """Run in the worker process. A broken pipe means that the parent has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Reference counts free the memory of a part; looking for cycles would take a fifth of the time.
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
