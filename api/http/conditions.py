"""Headers that bind a command: its idempotency key, and the versions that it accepts (If-Match)."""

import re
from typing import Any

from api.http.http_errors import IdempotencyKeyMalformed, IdempotencyKeyMissing, Malformed
from api.http.request_context import RequestContext

_KEY = re.compile(r"[!-~]{1,255}")
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
"""A string of structured fields (RFC 8941, section 3.3.3), in which `\\` escapes itself and the quote."""

_ETAG = rb'(?:W/)?"[!#-~\x80-\xff]*"'
_IF_MATCH = re.compile(rb"[ \t,]*%b(?:[ \t]*,[ \t,]*%b)*[ \t,]*" % (_ETAG, _ETAG))
_VERSIONS = re.compile(rb'(W/)?"(?:v([1-9][0-9]{0,8})|[!#-~\x80-\xff]*)"')


def idempotency_key(context: RequestContext, required: bool) -> dict[str, Any]:
    """Return the idempotency key as arguments of a submission. Without one the ledger generates a key.

    Raises IdempotencyKeyMissing, IdempotencyKeyMalformed, and Malformed for two different keys.
    """
    extension, standard = context.fields.get(b"x-idempotency-key"), context.fields.get(b"idempotency-key")
    sent = standard if extension is None else extension
    if sent is None:
        if required:
            raise IdempotencyKeyMissing
        return {}
    key = key_arguments(sent.decode("latin-1"))
    if standard is not None and key["key"] != unquote_key(standard.decode("latin-1")):
        raise Malformed("x-idempotency-key and Idempotency-Key differ. Send one of them.")
    return key


def key_arguments(text: str) -> dict[str, Any]:
    """Return `key`, and for a quoted key also the `older_key`. Raises IdempotencyKeyMalformed."""
    key = unquote_key(text)
    if not _KEY.fullmatch(key):
        raise IdempotencyKeyMalformed
    # Earlier releases recorded a quoted key with its quotes.
    return {"key": key} if key == text else {"key": key, "older_key": text}


def unquote_key(text: str) -> str:
    """Return the content of a quoted string, which is the same key; other text unchanged."""
    if text[:1] == '"' and (quoted := _QUOTED.fullmatch(text)):
        return re.sub(r"\\(.)", r"\1", quoted[1])
    return text


def expected_versions(context: RequestContext) -> tuple[int, ...] | None:
    """Return the versions in If-Match (RFC 9110, section 13.1.1), or None if any version matches.

    A weak tag matches no version, and neither does a tag that is not one of this API. Raises Malformed.
    """
    value = context.fields.get(b"if-match")
    if value is None or value == b"*":
        return None
    if not _IF_MATCH.fullmatch(value):
        raise Malformed('If-Match must be entity tags like "v3", separated by commas, or *.')
    return tuple(int(version) for weak, version in _VERSIONS.findall(value) if version and not weak)
