"""The store of a sandbox: its ids can be recognised, and it moves the clock as the events say."""

from functools import partial

import msgspec

from database.connection import Connection
from database.sandbox import ADVANCE
from domain.sandbox_clock import ClockAdvance
from domain.working_set import Terms
from ledger.block import Block
from ledger.ids import new_sandbox_id
from ledger.keyring import NO_KEYRING, Keyring
from ledger.store import Store


class _Advanced(msgspec.Struct):
    """The part of the event's state that moves the clock."""

    seconds: int


class SandboxStore(Store):
    """A store like that of a live ledger, which pays nothing for this one."""

    def __init__(
        self, connection: Connection, terms: Terms, keyring: Keyring = NO_KEYRING, number: int = 0
    ) -> None:
        super().__init__(connection, terms, keyring, number)
        self._new_id = partial(new_sandbox_id, number)

    def _send_decided(self, block: Block) -> None:
        events = block.events[self._ahead.events :]
        super()._send_decided(block)
        moves = [_decode(one.state).seconds for one in events if one.topic == ClockAdvance.Advanced.TOPIC]
        if moves:
            self._send(ADVANCE, (moves,))


_decode = msgspec.json.Decoder(_Advanced).decode
