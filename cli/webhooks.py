"""Command `webhooks`: list webhooks and their deliveries, replay, test, enable and disable them."""

import asyncio
import json as json_text
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from analytics.webhooks import following, queue
from analytics.webhooks.deliveries import DeliverySearch, page
from analytics.webhooks.endpoints import Webhook, WebhookNotFound, Webhooks, WebhookSearch
from cli.existing_ledger import existing_ledger
from cli.options import DATA, JSON, LEDGER, add
from database.connection import Connection, connect
from ledger.ids import new_id
from ledger.keyring import Keyring
from ledger.master_key import find_keyring, read_check
from ledger.master_key_file import find_keys
from ledger.people import OtherMasterKey
from runtime.failures import CommandFailed
from runtime.settings import Settings, WrongSetting

LISTED_MAX = 200

_ABOUT = """\
  seatledger webhooks                             list all webhooks
  seatledger webhooks deliveries ID               its last deliveries and their answers
  seatledger webhooks deliveries ID --state parked
  seatledger webhooks replay ID --from 42         send events again from this position on
  seatledger webhooks test ID                     send a test message
  seatledger webhooks disable ID                  stop sending; enable ID continues there
  seatledger webhooks restart                     after a restore of the log: follow from its head on

Webhooks are registered over HTTP: POST /api/v1/webhooks.
"""
ACTIONS = ("list", "deliveries", "replay", "test", "enable", "disable", "restart")


def register(commands: Any) -> None:
    command = add(
        commands,
        "webhooks",
        webhooks,
        "list, replay and test webhooks, and read their log",
        [DATA, LEDGER, JSON],
    )
    command.epilog = _ABOUT
    command.add_argument("action", nargs="?", default="list", choices=ACTIONS)
    command.add_argument("id", nargs="?", metavar="ID", help="id of the webhook")
    command.add_argument("--from", dest="first", type=int, metavar="POSITION", help="first position to send")
    command.add_argument("--state", choices=("waiting", "delivered", "parked", "failed"))


def webhooks(
    settings: Settings, action: str, id: str | None, first: int | None, state: str | None, json: bool
) -> int:
    """Run the action and print what it concerns. Raises WrongSetting, CommandFailed."""
    if (id is None) != (action in ("list", "restart")):
        raise WrongSetting(f"webhooks {action}: {'takes no ID' if id else 'give the ID of the webhook'}")
    if (first is None) != (action != "replay"):
        raise WrongSetting(f"webhooks {action}: {'takes no --from' if first else 'give --from POSITION'}")
    with existing_ledger(settings) as url:
        keyring = _keyring(url, settings)
        try:
            found = asyncio.run(_run(url, keyring, action, _id(id), first or 0, state))
        except WebhookNotFound:
            raise CommandFailed(f"webhooks {action}: there is no webhook {id}") from None
    for one in found:
        print(_encode(one) if json else _line(one))
    return 0


def _id(text: str | None) -> UUID:
    try:
        return UUID(text or "00000000-0000-0000-0000-000000000000")
    except ValueError:
        raise WrongSetting(f"webhooks: {text!r} is no id of a webhook") from None


def _keyring(url: str, settings: Settings) -> Keyring:
    check = read_check(url)
    keyring = find_keyring([Keyring(key) for key in find_keys(settings)], check)
    if keyring.check != check:
        raise WrongSetting(str(OtherMasterKey()))
    return keyring


async def _run(
    url: str, keyring: Keyring, action: str, id: UUID, first: int, state: Any
) -> list[msgspec.Struct]:
    async with await connect(url, "seatledger webhooks") as connection, connection.transaction():
        found = Webhooks(connection, keyring)
        if action == "list":
            return [*await found.page(WebhookSearch(), None, 10_000)]
        if action == "restart":
            print(f"webhooks follow from position {await following.restart(connection)} on", file=sys.stderr)
            return []
        if action == "deliveries":
            await found.find(id)
            return [*await page(connection, DeliverySearch(id, state), None, LISTED_MAX)]
        await found.lock()
        return [await _CHANGES[action](connection, found, await found.find(id), first)]


async def _replay(_: Connection, webhooks: Webhooks, webhook: Webhook, first: int) -> msgspec.Struct:
    return await webhooks.move(webhook.id, max(first - 1, 0))


async def _test(connection: Connection, _: Webhooks, webhook: Webhook, __: int) -> msgspec.Struct:
    await queue.add_test(connection, webhook.id, new_id())
    return (await page(connection, DeliverySearch(webhook.id), None, 1))[0]


async def _enable(_: Connection, webhooks: Webhooks, webhook: Webhook, __: int) -> msgspec.Struct:
    return await webhooks.change(replace(webhook, enabled=True))


async def _disable(_: Connection, webhooks: Webhooks, webhook: Webhook, __: int) -> msgspec.Struct:
    return await webhooks.change(replace(webhook, enabled=False))


_CHANGES: dict[str, Callable[..., Any]] = {
    "replay": _replay,
    "test": _test,
    "enable": _enable,
    "disable": _disable,
}


def _line(one: Any) -> str:
    if isinstance(one, Webhook):
        state = "enabled" if one.enabled else "gone" if one.gone_at else "disabled"
        types = ",".join(one.event_types or ["all"])
        return f"{one.id}  {state}  {one.payload}  {types}  {one.user_id or 'everything'}  {one.url}"
    answer = one.error or f"{one.status or 'no answer yet'} {json_text.dumps(one.answer or '')}"
    return f"{one.id}  {one.type}  {one.state}  {one.attempts} attempts  {answer}"


def _encode(one: msgspec.Struct) -> str:
    return msgspec.json.encode(one).decode()
