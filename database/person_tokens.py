"""SQL that replaces pseudonyms by tokens, which the caller of a query decrypts."""
# ruff: noqa: S608  (statements are joined from constants; values travel as parameters)

from typing import LiteralString

ERASED_NAME = "forgotten"
"""Replaces the name of an erased person in a log written before pseudonyms were introduced."""

_TOKEN: LiteralString = f"""
    case when p.sealed_name is not null
            then 'sealed:v1:' || p.wrapped_key || ':' || p.sealed_name || ':' || p.person
        when p.person ~ '^psn_[0-9a-f]{{32}}$' then p.person
        else '{ERASED_NAME}' end
"""
"""The token (see `ledger.keyring`) for `p`, a row of ledger.people; for an erased person, the pseudonym."""


def token_sql(person: LiteralString) -> LiteralString:
    """Return an expression for the token of a pseudonym in a column."""
    return f"coalesce((select {_TOKEN} from people as p where p.person = {person}), {person})"


def own_tokens_sql(document: LiteralString, person: LiteralString) -> LiteralString:
    """Return an expression for a JSON document with texts that are all sealed for a person, and name it.

    The texts become tokens; null stays null, and the texts of an erased person stay sealed.
    """
    wrapped = f"(select p.wrapped_key from people as p where p.person = {person})"
    token = f"replace({document}, '\"sealed:v1:', '\"sealed:v1:' || {wrapped} || ':')"
    return f"case when {document} is not null then coalesce({token}, {document}) end"


def text_token_sql(text: LiteralString, person: LiteralString, about: LiteralString) -> LiteralString:
    """Return an expression for the token of a text sealed for a person; other text stays unchanged."""
    token = f"'sealed:v1:' || p.wrapped_key || ':' || substr({text}, 11) || ':' || {about}"
    return f"""case when starts_with({text}, 'sealed:v1:') then coalesce(
        (select {token} from people as p where p.person = {person}), {text}) else {text} end"""
