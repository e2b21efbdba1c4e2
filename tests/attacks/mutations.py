"""Mutated bodies: any JSON, a valid body with one part replaced, valid bytes with a few changed."""

import json

from hypothesis import strategies as st

NUMBERS = st.one_of(
    st.integers(),
    st.integers(-3, 3),
    st.sampled_from([2**31, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**400]),
    st.floats(),
)
TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Co"]), max_size=10),
    st.sampled_from(
        ["", "\x00", "null", "1", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00Z", "x" * 70_000]
    ),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


def paths(value, at=()):
    """Yield the path of each part of a JSON value, the whole value first."""
    yield at
    for name, part in value.items() if isinstance(value, dict) else ():
        yield from paths(part, (*at, name))


def replace_part(value, at, new):
    if not at:
        return new
    return {**value, at[0]: replace_part(value[at[0]], at[1:], new)}


@st.composite
def bodies(draw, example):
    """Draw the bytes of a mutated body."""
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return json.dumps(draw(ANYTHING)).encode()
    body = (
        replace_part(example, draw(st.sampled_from(list(paths(example)))), draw(ANYTHING))
        if kind > 1
        else example
    )
    raw = bytearray(json.dumps(body, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.integers(0, 3)) if kind < 3 else 0):
        at = draw(st.integers(0, len(raw)))
        raw[at : at + draw(st.integers(0, 6))] = draw(st.binary(max_size=6))
    return bytes(raw)
