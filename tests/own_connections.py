"""A follower and an auditor with one connection of their own, named for `end_sessions`."""

from analytics.follower import follower
from database.pool import ConnectionPool
from database.readers import Readers
from ledger.keyring import NO_KEYRING, Keyring
from scheduler import auditor


class Own:
    """The only connection of a pool."""

    def __init__(self, url: str, name: str) -> None:
        self.pool = ConnectionPool(1, name)
        self.readers = Readers(url, self.pool)
        self.readers.open()


class Follower(follower.Follower):
    def __init__(self, url: str, batch: int = follower.BATCH_MAX) -> None:
        self.own = Own(url, "seatledger follower")
        super().__init__(url, self.own.readers, batch)

    async def close(self) -> None:
        self.own.readers.close()


class Auditor(auditor.Auditor):
    def __init__(self, url: str, keyring: Keyring = NO_KEYRING) -> None:
        self.own = Own(url, "seatledger self-audit")
        super().__init__(self.own.readers, keyring)

    async def close(self) -> None:
        self.own.readers.close()
