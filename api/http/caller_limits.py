"""Limits per caller: commands a minute and open streams, counted by all workers of a host together."""

import mmap
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import lru_cache
from hashlib import blake2b
from math import ceil
from pathlib import Path
from tempfile import TemporaryFile

from api.http.http_errors import TooManyCommands, TooManyStreams
from api.http.replies import Header
from domain.caller import Caller
from runtime.settings import Settings

if os.name == "posix":
    import fcntl

WINDOW_SECONDS = 60.0
SETS = 16_384
WAYS = 4
"""Slots of a set. A key belongs to one set; a new key takes the slot of the window that ends first."""

SLOT_WORDS = 4
SHARED_BYTES = SETS * WAYS * SLOT_WORDS * 8
"""2 MiB, however many callers there are."""

KEYS_MAX = 10_000
PLACES_MAX = 64
"""Highest limit of places of a key."""


class Windows:
    """Counts by key in fixed windows of a minute. A window starts with the first count after the last window.

    The memory is shared by the workers of a host. A slot is four words: the key's hash, the end of its window
    on the monotonic clock, its count, and one that is unused. There is no lock, because it would cost more
    than the count: if two workers count for the same key within the same microsecond, one count can be lost.
    If more than `SETS * WAYS` keys count within a minute, some get a new window early.
    """

    def __init__(
        self,
        hashes: "memoryview[int]",
        numbers: "memoryview[float]",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take two views of the shared memory, as integers and as floats of 8 bytes."""
        self._hashes, self._numbers = hashes, numbers
        self._clock = clock
        self._place = lru_cache(KEYS_MAX)(_place)

    def add(self, key: str, amount: int, limit: int) -> tuple[int, float]:
        """Count `amount` if the limit allows it.

        Return how much is left, negative if the limit did not allow it, and the seconds left of the window.
        """
        hash, slot = self._place(key)
        if self._hashes[slot] != hash:
            slot = self._other_slot(hash, slot)
        now, numbers = self._clock(), self._numbers
        seconds, used = numbers[slot + 1] - now, int(numbers[slot + 2])
        if not 0 < seconds <= WINDOW_SECONDS:
            seconds, used = WINDOW_SECONDS, 0
            numbers[slot + 1] = now + WINDOW_SECONDS
        left = limit - used - amount
        numbers[slot + 2] = used + amount if left >= 0 else used
        return left, seconds

    def _other_slot(self, hash: int, first: int) -> int:
        """Return the slot of the hash in the set that begins at `first`; take one for a new hash."""
        hashes, numbers = self._hashes, self._numbers
        slots = range(first, first + WAYS * SLOT_WORDS, SLOT_WORDS)
        for slot in slots:
            if hashes[slot] == hash:
                return slot
        slot = min(slots, key=lambda slot: numbers[slot + 1])
        numbers[slot + 1] = 0
        hashes[slot] = hash
        return slot


class Places:
    """A number of places for each key, shared by the workers of a host.

    A place is a lock on a byte of a file. The bytes need not exist. The kernel releases the locks of a worker
    that dies.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._taken: set[int] = set()

    @contextmanager
    def take(self, key: str, limit: int) -> Iterator[bool]:
        """Hold a place; yield False if there is none."""
        first = int.from_bytes(blake2b(key.encode(), digest_size=7).digest()) * PLACES_MAX
        place = next(filter(self._lock, range(first, first + limit)), None)
        try:
            yield place is not None
        finally:
            if place is not None:
                self._taken.discard(place)
                if os.name == "posix":
                    fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, place)

    def _lock(self, place: int) -> bool:
        # A process does not conflict with its own locks.
        if place in self._taken:
            return False
        if os.name == "posix":
            with suppress(OSError):
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
                self._taken.add(place)
                return True
            return False
        self._taken.add(place)
        return True


class CallerLimits:
    """The limits of the settings. Operators have none."""

    def __init__(self, settings: Settings, windows: Windows, places: Places) -> None:
        self._windows, self._places = windows, places
        self._commands = settings.commands_per_minute
        self._streams = settings.streams_per_caller
        self._policy = b"ratelimit-policy", b'"commands";q=%d;w=%d' % (self._commands, WINDOW_SECONDS)

    def count_commands(self, caller: Caller, count: int) -> tuple[Header, ...]:
        """Count commands and return the fields RateLimit and RateLimit-Policy. Raises TooManyCommands."""
        if not self._commands or caller.has_no_limits:
            return ()
        left, seconds = self._windows.add(caller.subject, count, self._commands)
        reset = ceil(seconds)
        if left < 0:
            fields = self._policy, _rate_limit(left + count, reset)
            raise TooManyCommands(count, self._commands, reset, fields)
        return self._policy, _rate_limit(left, reset)

    @contextmanager
    def open_stream(self, caller: Caller) -> Iterator[None]:
        """Count one open stream. Raises TooManyStreams."""
        if not self._streams or caller.has_no_limits:
            yield
            return
        with self._places.take(caller.subject, self._streams) as has_place:
            if not has_place:
                raise TooManyStreams(self._streams)
            yield

    def is_first_in_minute(self, limit: str, caller: Caller) -> bool:
        """Return whether the caller is limited for the first time in a minute."""
        left, _ = self._windows.add(f"{limit}\x00{caller.subject}", 1, 1)
        return left >= 0


def _rate_limit(left: int, reset: int) -> Header:
    """Return the field RateLimit of draft-ietf-httpapi-ratelimit-headers-10."""
    return b"ratelimit", b'"commands";r=%d;t=%d' % (left, reset)


def _place(key: str) -> tuple[int, int]:
    """Return the hash of a key, which is never 0, and the first word of its set."""
    digest = blake2b(key.encode(), digest_size=16).digest()
    hash, place = int.from_bytes(digest[:8]), int.from_bytes(digest[8:])
    return hash or 1, place % SETS * WAYS * SLOT_WORDS


@asynccontextmanager
async def open_limits(settings: Settings, folder: Path | None) -> AsyncIterator[CallerLimits]:
    """Yield limits that all processes with this folder share. Without a folder they are for this process."""
    with (
        (folder / "callers").open("a+b") if folder else TemporaryFile() as file,
        _map(file.fileno()) as shared,
        memoryview(shared) as view,
        view.cast("Q") as hashes,
        view.cast("d") as numbers,
    ):
        yield CallerLimits(settings, Windows(hashes, numbers), Places(file.fileno()))


def _map(descriptor: int) -> mmap.mmap:
    """Map SHARED_BYTES of the file, which are zeros at first."""
    if hasattr(os, "posix_fallocate"):
        # A hole in a file on a full disk would end the process at the first write to it.
        os.posix_fallocate(descriptor, 0, SHARED_BYTES)
    else:
        os.ftruncate(descriptor, SHARED_BYTES)
    return mmap.mmap(descriptor, SHARED_BYTES)
