"""How people are shown: what stands for a pseudonym in the rows that doors answer with."""
# ruff: noqa: S608  (statements are put together from constants; what callers say travels as parameters)

from typing import LiteralString

ERASED_NAME = "forgotten"
"""What stands for a name that an old log holds in clear, once its bearer is forgotten."""

SHOWN: LiteralString = f"""
    case when p.sealed_name is not null
            then 'sealed:v1:' || p.wrapped_key || ':' || p.sealed_name || ':' || p.person
        when p.person ~ '^psn_[0-9a-f]{{32}}$' then p.person
        else '{ERASED_NAME}' end
"""
"""Of `p`, a row of ledger.people: a token that the door opens (see `ledger.keyring`), or what is left."""


def token_sql(person: LiteralString) -> LiteralString:
    """An expression for a column that holds a pseudonym."""
    return f"coalesce((select {SHOWN} from ledger.people as p where p.person = {person}), {person})"


def text_token_sql(text: LiteralString, person: LiteralString, about: LiteralString) -> LiteralString:
    """The same for a column with text that was sealed for that person; other text is shown as it is."""
    token = f"'sealed:v1:' || p.wrapped_key || ':' || substr({text}, 11) || ':' || {about}"
    return f"""case when starts_with({text}, 'sealed:v1:') then coalesce(
        (select {token} from ledger.people as p where p.person = {person}), {text}) else {text} end"""
