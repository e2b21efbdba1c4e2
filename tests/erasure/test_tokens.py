"""Which parts of an answer are opened: what the ledger puts where names stand, nothing that callers write."""

import json
from typing import Any

import msgspec
import pytest

from ledger.keyring import Keyring

KEYRING = Keyring(bytes(range(32)))
NAME = 'Alice "the \\ cat" Ångström'
TOKEN = KEYRING.new_person(NAME).name_token or ""


def opened(answer: Any) -> Any:
    """By the API's own encoder, which is what the keyring is handed."""
    return json.loads(KEYRING.decrypt_tokens(msgspec.json.encode(answer)))


@pytest.mark.parametrize("name", ["user_id", "actor", "note", "reason", "reference"])
def test_a_token_is_opened_where_the_ledger_puts_names(name: str) -> None:
    rows = [{"id": 1, name: TOKEN}, {name: TOKEN, "id": 2}, {name: "bob"}]
    assert opened({"data": rows}) == {"data": [{"id": 1, name: NAME}, {name: NAME, "id": 2}, {name: "bob"}]}


@pytest.mark.parametrize(
    "answer",
    [
        {"other": TOKEN},
        {"my_user_id": TOKEN},
        {"tokens": [TOKEN, TOKEN]},
        {"note": f'","user_id":"{TOKEN}","x":"'},
        {"note": f'"user_id":"{TOKEN}"'},
        {"note": TOKEN + '"', "reason": TOKEN + "\\"},
        {"user_id": TOKEN[:-1], "actor": TOKEN + "x", "note": "sealed:v1:", "reason": "sealed:v1:a:b:c"},
    ],
)
def test_elsewhere_and_in_what_callers_write_nothing_is_opened(answer: Any) -> None:
    assert opened(answer) == answer
