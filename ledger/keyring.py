"""Encryption of personal data (names and free text) with one key per person.

Each person has a random 256-bit key, stored wrapped by the master key. Erasing a person means deleting the
wrapped key; the ciphertexts in the log then cannot be decrypted.

Formats:
    sealed text  sealed:v1:CIPHERTEXT                       stored in events and views
    passenger    sealed:v1:CIPHERTEXT:CONTEXT               stored in events and views
    token        sealed:v1:WRAPPED_KEY:CIPHERTEXT:CONTEXT   used inside a process to decrypt an answer

AES-SIV (RFC 5297) is deterministic: the same text in the same context gives the same ciphertext, so a
repeated command has the same fingerprint. CONTEXT is authenticated: the pseudonym for a name, and for
the names of passengers, because they can move to another booking of the same user; the booking id for any
other text. A ciphertext copied to another context does not decrypt.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from ledger.ids import new_id
from ledger.personal_json import substitute_marked

SEALED = "sealed:v1:"
PSEUDONYM = "psn_"
CACHE_MAX = 10_000
"""Entries in each cache of decrypted texts and lookup hashes. They never go stale: an erased person has no
token."""


class Person(msgspec.Struct, frozen=True):
    """A row of ledger.people. `person` is the pseudonym; all else is None after erasure."""

    person: str
    lookup: bytes | None = None
    wrapped_key: str | None = None
    sealed_name: str | None = None

    @property
    def name_token(self) -> str | None:
        """Token that decrypts to the name."""
        return self._token(self.sealed_name, self.person) if self.sealed_name else None

    def text_token(self, sealed: str, context: str) -> str | None:
        """Return the token that decrypts to a text which `Keyring.encrypt` sealed for this person."""
        ciphertext = sealed.removeprefix(SEALED).partition(":")[0]
        return self._token(ciphertext, pseudonym_in(sealed) or context)

    def _token(self, ciphertext: str, context: str) -> str | None:
        return self.wrapped_key and f"{SEALED}{self.wrapped_key}:{ciphertext}:{context}"


class Keyring:
    """Derive, wrap and use personal keys under one master key.

    `check` identifies the master key without revealing it; a database stores it so that a process with
    another master key is refused. `decrypt` returns the text of a token, or None for any other string.
    `lookup_hash` returns the keyed hash by which a name is found; without the master key, guesses cannot be
    tested.
    """

    def __init__(self, master_key: bytes) -> None:
        self._master_key = master_key
        self._lookup_key = derive_key(master_key, b"seatledger lookup")
        self._family_key = derive_key(master_key, b"seatledger family name")
        self._wrap = AESSIV(derive_key(master_key, b"seatledger wrap"))
        self._seal = AESSIV(derive_key(master_key, b"seatledger seal"))
        self.check: str | None = derive_key(master_key, b"seatledger check").hex()[:32]
        self.decrypt: Callable[[str], str | None] = lru_cache(CACHE_MAX)(self._decrypt)
        self.lookup_hash: Callable[[str], bytes] = lru_cache(CACHE_MAX)(self._lookup_hash)

    def __reduce__(self) -> tuple[type["Keyring"], tuple[bytes]]:
        """Pickle as the master key, for the pipe to a worker process."""
        return Keyring, (self._master_key,)

    def seal(self, text: str, context: str) -> str:
        """Return the text sealed by the master key itself, and not by the key of a person."""
        return SEALED + _to_text(self._seal.encrypt(text.encode(), [context.encode()]))

    def unseal(self, sealed: str, context: str) -> str:
        """Return a text that `seal` sealed in this context. Raises ValueError with another master key."""
        try:
            return self._seal.decrypt(_to_bytes(sealed.removeprefix(SEALED)), [context.encode()]).decode()
        except InvalidTag:
            raise ValueError("sealed by another master key, or for another place") from None

    def command_owner(self, name: str) -> tuple[str, bytes]:
        """Return the actor and the lookup hash by which commands of this caller are found; one is empty."""
        return "", self.lookup_hash(name)

    def family_hash(self, folded: str) -> bytes:
        """Return the keyed hash by which bookings are found by the family name of a passenger."""
        return hmac.digest(self._family_key, folded.encode(), "sha256")

    def unknown(self, name: str) -> str:
        """Return what stands for a name without a row in ledger.people: '', which matches no row."""
        return ""

    def new_person(self, name: str, pseudonym: str | None = None) -> Person:
        """Create a person with a fresh key. Generate a pseudonym unless one is given."""
        pseudonym = pseudonym or PSEUDONYM + new_id().hex
        key = secrets.token_bytes(32)
        wrapped = _to_text(self._wrap.encrypt(key, None))
        return Person(pseudonym, self.lookup_hash(name), wrapped, _encrypt(key, name, pseudonym))

    def encrypt(self, person: Person, text: str, context: str) -> str:
        """Return the sealed text. For an erased person, return the bare prefix, which decrypts to nothing."""
        if person.wrapped_key is None:
            return SEALED
        return SEALED + _encrypt(self._unwrap(person.wrapped_key), text, context)

    def encrypt_passenger(self, person: Person, text: str) -> str:
        """Return a name or date of a passenger, sealed for the booking's user in any booking of that user."""
        sealed = self.encrypt(person, text, person.person)
        return sealed if person.wrapped_key is None else f"{sealed}:{person.person}"

    def rewrap(self, person: Person, old: "Keyring") -> Person:
        """Return the person with the key wrapped by this master key.

        Raises ValueError if the old keyring cannot decrypt the name.
        """
        name = old.decrypt(person.name_token or "")
        if name is None or person.wrapped_key is None:
            raise ValueError(person.person)
        wrapped = _to_text(self._wrap.encrypt(old._unwrap(person.wrapped_key), None))
        return Person(person.person, self.lookup_hash(name), wrapped, person.sealed_name)

    def decrypt_tokens(self, document: bytes) -> bytes:
        """Replace tokens in a JSON document by the decrypted text. Leave undecryptable tokens unchanged."""
        return substitute_marked(document, SEALED, self._decrypt_or_keep, self._decrypt_or_keep)

    def _decrypt_or_keep(self, text: str) -> str:
        decrypted = self.decrypt(text) if text.startswith(SEALED) else None
        return text if decrypted is None else decrypted

    def _lookup_hash(self, name: str) -> bytes:
        return hmac.digest(self._lookup_key, name.encode(), "sha256")

    def _decrypt(self, token: str) -> str | None:
        try:
            wrapped_key, ciphertext, context = token.removeprefix(SEALED).split(":", 2)
            cipher = _cipher(self._unwrap(wrapped_key))
            return cipher.decrypt(_to_bytes(ciphertext), [context.encode()]).decode()
        except (ValueError, InvalidTag):
            return None

    def _unwrap(self, wrapped_key: str) -> bytes:
        return self._wrap.decrypt(_to_bytes(wrapped_key), None)


class NullKeyring(Keyring):
    """Stand-in where there is no master key: a name is its own pseudonym, and text is stored in clear."""

    def __init__(self) -> None:
        self.check = None
        self.decrypt = str
        self.lookup_hash = str.encode

    def __reduce__(self) -> Any:
        return NullKeyring, ()

    def seal(self, text: str, context: str) -> str:
        return text

    def unseal(self, sealed: str, context: str) -> str:
        return sealed

    def command_owner(self, name: str) -> tuple[str, bytes]:
        return name, b""

    def family_hash(self, folded: str) -> bytes:
        return folded.encode()

    def unknown(self, name: str) -> str:
        return name

    def new_person(self, name: str, pseudonym: str | None = None) -> Person:
        """Return a person without a lookup hash, which no ledger records."""
        return Person(name)

    def encrypt(self, person: Person, text: str, context: str) -> str:
        return text

    def decrypt_tokens(self, document: bytes) -> bytes:
        return document


NO_KEYRING = NullKeyring()


def pseudonym_in(sealed: str) -> str:
    """Return the pseudonym that a sealed name of a passenger contains; '' for any other sealed text."""
    return sealed.removeprefix(SEALED).partition(":")[2]


def derive_key(master_key: bytes, purpose: bytes) -> bytes:
    """Return 64 bytes; HMAC is the pseudo-random function, as in HKDF's second step (RFC 5869)."""
    return hmac.digest(master_key, purpose, "sha512")


def _cipher(key: bytes) -> AESSIV:
    return AESSIV(hashlib.sha512(key).digest())


def _encrypt(key: bytes, text: str, context: str) -> str:
    return _to_text(_cipher(key).encrypt(text.encode(), [context.encode()]))


def _to_text(ciphertext: bytes) -> str:
    return urlsafe_b64encode(ciphertext).rstrip(b"=").decode()


def _to_bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
