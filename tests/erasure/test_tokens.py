"""Decryption of tokens under personal keys only, never in text that callers write."""

import json
from typing import Any

import msgspec
import pytest

from ledger.keyring import Keyring

KEYRING = Keyring(bytes(range(32)))
NAME = 'Alice "the \\ cat" Ångström'
TOKEN = KEYRING.new_person(NAME).name_token or ""


def opened(answer: Any) -> Any:
    """Encode with the API's encoder, decrypt, and decode."""
    return json.loads(KEYRING.decrypt_tokens(msgspec.json.encode(answer)))


@pytest.mark.parametrize("name", ["user_id", "actor", "note", "reason", "reference"])
def test_a_token_under_a_personal_key_is_decrypted(name: str) -> None:
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
def test_tokens_elsewhere_and_in_text_of_callers_are_not_decrypted(answer: Any) -> None:
    assert opened(answer) == answer
