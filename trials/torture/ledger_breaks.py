"""Breaks of a deployment of several ledgers, for `trials.torture.broken`."""

from unittest.mock import patch

import api.main
from api.http.request import ApiRequest
from database.registry import MAIN, LedgerEntry
from ledger.block import Block
from ledger.store import Store


def refusals_forgotten_in_the_second_ledger() -> None:
    """Answer a refusal of a ledger other than `main` without recording it."""
    write = Store.write

    async def write_accepted(store: Store, block: Block) -> None:
        if store._new_id.args != (0,):
            block.commands = [command for command in block.commands if command.first_position is not None]
        await write(store, block)

    patch.object(Store, "write", write_accepted).start()
    patch.object(Store, "send_ahead", lambda store, block: None).start()


def answers_that_name_main() -> None:
    """Name the ledger `main` in the answers of every other ledger."""
    use = ApiRequest.use

    async def use_silently(request: ApiRequest, entry: LedgerEntry) -> None:
        await use(request, entry)
        request.context.ledger_names = MAIN

    patch.object(ApiRequest, "use", use_silently).start()


def second_ledger_in_the_log_of_main() -> None:
    """Open every ledger in the schema of `main`."""
    patch.object(api.main, "url_of", lambda entry, url: url).start()


LEDGER_BREAKS = (
    refusals_forgotten_in_the_second_ledger,
    answers_that_name_main,
    second_ledger_in_the_log_of_main,
)
