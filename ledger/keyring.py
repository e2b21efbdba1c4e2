"""The keyring: what the master key opens. Names and texts are sealed, each person's by a key of their own.

A sealed text is `sealed:v1:TEXT`; a token, `sealed:v1:KEY:TEXT:ABOUT`, brings the wrapped key that opens it.
It is sealed for one purpose, `ABOUT`: a name for its pseudonym, a note for its booking. AES-SIV (RFC 5297)
needs no nonce: the same text about the same booking always comes out alike, so a repeat has its fingerprint.
"""

import hashlib
import hmac
import secrets
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from ledger.ids import new_id
from runtime.secret_files import read_or_create
from runtime.setting_values import MASTER_KEY_BYTES, master_key
from runtime.settings import Settings, WrongSetting

MASTER_KEY_FILE = "master-key"
SEALED = "sealed:v1:"
REMEMBERED_MAX = 10_000
"""Texts that a process remembers by their tokens, and names. Who is forgotten has no token: none is stale."""

_MARK = b'"sealed:v1:'
_NAMES = (b'"user_id":', b'"actor":', b'"note":', b'"reason":', b'"reference":')
"""What may be opened in an answer. No text of a caller's looks like it: JSON escapes the quotes in there."""


class Person(msgspec.Struct, frozen=True):
    """A row of ledger.people; of who is forgotten only the pseudonym."""

    person: str
    lookup: bytes | None = None
    wrapped_key: str | None = None
    sealed_name: str | None = None

    @property
    def token(self) -> str | None:
        """What opens as the name."""
        return self._token(self.sealed_name, self.person) if self.sealed_name else None

    def token_of(self, sealed: str, about: str) -> str | None:
        """What opens as a text that `Keyring.seal` sealed for this person."""
        return self._token(sealed.removeprefix(SEALED), about)

    def _token(self, text: str, about: str) -> str | None:
        return self.wrapped_key and f"{SEALED}{self.wrapped_key}:{text}:{about}"


class Keyring:
    """`check` tells whether names were sealed by this master key, and nothing else of it."""

    def __init__(self, master: bytes) -> None:
        self._master = master
        self._lookup = _derived(master, b"seatledger lookup")
        self._wrap = AESSIV(_derived(master, b"seatledger wrap"))
        self.check = _derived(master, b"seatledger check").hex()[:32]
        self.open: Callable[[str], str | None] = lru_cache(REMEMBERED_MAX)(self._open)
        self.lookup: Callable[[str], bytes] = lru_cache(REMEMBERED_MAX)(self._looked_up)

    def __reduce__(self) -> tuple[type["Keyring"], tuple[bytes]]:
        """It goes to processes of ours, by a pipe that nobody else reads."""
        return Keyring, (self._master,)

    def newcomer(self, name: str, person: str | None = None) -> Person:
        """Somebody with a key of their own, under a new pseudonym unless one is given."""
        person = person or f"psn_{new_id().hex}"
        key = secrets.token_bytes(32)
        wrapped = _text(self._wrap.encrypt(key, None))
        return Person(person, self.lookup(name), wrapped, _sealed(key, name, person))

    def seal(self, person: Person, text: str, about: str) -> str:
        """Of who is forgotten nothing but the mark: what nobody could ever open need not be kept."""
        if person.wrapped_key is None:
            return SEALED
        return SEALED + _sealed(self._wrap.decrypt(_bytes(person.wrapped_key), None), text, about)

    def rewrapped(self, person: Person, old: "Keyring") -> Person:
        """The same person under this master key. Raises ValueError where the old one does not fit."""
        name = old.open(person.token or "")
        if name is None or person.wrapped_key is None:
            raise ValueError(person.person)
        wrapped = _text(self._wrap.encrypt(old._wrap.decrypt(_bytes(person.wrapped_key), None), None))
        return Person(person.person, self.lookup(name), wrapped, person.sealed_name)

    def opened(self, body: bytes) -> bytes:
        """JSON with names and texts in place of their tokens; what does not open stays."""
        first, *others = body.split(_MARK)
        pieces = [first]
        for other in others:
            token, _, rest = other.partition(b'"')
            opened = self.open(SEALED + token.decode()) if pieces[-1].endswith(_NAMES) else None
            pieces += [_MARK + other] if opened is None else [msgspec.json.encode(opened), rest]
        return b"".join(pieces)

    def _looked_up(self, name: str) -> bytes:
        """What a name is found by; without the master key nobody can try out guesses."""
        return hmac.digest(self._lookup, name.encode(), "sha256")

    def _open(self, token: str) -> str | None:
        """None for what is no token, or none of this master key."""
        try:
            key, text, about = token.removeprefix(SEALED).split(":", 2)
            opened = _cipher(self._wrap.decrypt(_bytes(key), None)).decrypt(_bytes(text), [about.encode()])
        except (ValueError, InvalidTag):
            return None
        return opened.decode()


def master_key_of(settings: Settings) -> bytes:
    """The setting, or a key that is made once and kept in the data folder. Raises WrongSetting."""
    if settings.master_key is not None:
        return settings.master_key
    return key_in(settings.data / MASTER_KEY_FILE, settings.jwt_secret)


def key_in(path: Path, secret: str | None = None) -> bytes:
    """The master key in that file; the first who asks makes it. Raises WrongSetting.

    Hosts that were given the same `secret` make the same key, each in its own data folder.
    """

    def made() -> str:
        if secret is None:
            return b64encode(secrets.token_bytes(MASTER_KEY_BYTES)).decode()
        return b64encode(_derived(secret.encode(), b"seatledger master key")[:MASTER_KEY_BYTES]).decode()

    try:
        return master_key(read_or_create(path, made))
    except ValueError as error:
        raise WrongSetting(f"{path}: {error}") from None


def keyring_at_hand(settings: Settings) -> Keyring | None:
    """For those who only look: None where nobody has told or kept a master key. Raises WrongSetting."""
    if settings.master_key is None and not (settings.data / MASTER_KEY_FILE).exists():
        return None
    return Keyring(master_key_of(settings))


def _derived(master: bytes, purpose: bytes) -> bytes:
    """64 bytes; HMAC as a pseudo-random function, as in HKDF's second step (RFC 5869)."""
    return hmac.digest(master, purpose, "sha512")


def _cipher(key: bytes) -> AESSIV:
    return AESSIV(hashlib.sha512(key).digest())


def _sealed(key: bytes, text: str, about: str) -> str:
    return _text(_cipher(key).encrypt(text.encode(), [about.encode()]))


def _text(sealed: bytes) -> str:
    return urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
