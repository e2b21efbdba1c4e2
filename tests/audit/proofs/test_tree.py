"""The tree follows RFC 6962: test vectors, and a naive reference written from the text of the RFC."""

import hashlib
import random
from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.proofs.tree import (
    EMPTY,
    Peaks,
    complete_subtrees,
    consistency_path,
    extends,
    fold,
    includes,
    inclusion_path,
    leaf_hash,
    root_of,
)

LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
"""Leaves of the test vectors of Certificate Transparency, and the roots for 0 to 8 of them."""

ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def root(leaves: Sequence[bytes]) -> bytes:
    """MTH of section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = power_below(len(leaves))
    return hashlib.sha256(b"\x01" + root(leaves[:k]) + root(leaves[k:])).digest()


def path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of section 2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    k = power_below(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), root(leaves[k:])]
    return [*path(m - k, leaves[k:]), root(leaves[:k])]


def subproof(m: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of section 2.1.2, word for word."""
    if m == len(leaves):
        return [] if whole else [root(leaves)]
    k = power_below(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), root(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), root(leaves[:k])]


def power_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


MANY = [str(number).encode() for number in range(70)]


@cache
def many_root(first: int, last: int) -> bytes:
    return root(MANY[first:last])


def test_the_roots_are_those_of_the_known_vectors() -> None:
    assert [root(LEAVES[:n]).hex() for n in range(9)] == ROOTS
    assert [root_of(map(leaf_hash, LEAVES[:n])).hex() for n in range(9)] == ROOTS
    assert EMPTY.hex() == ROOTS[0]


def test_a_known_inclusion_and_a_known_consistency() -> None:
    # The first of the vectors' paths: leaf 0 of 8, and 1 to 8.
    known = [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    hashes = list(map(bytes.fromhex, known))
    assert path(0, LEAVES) == subproof(1, LEAVES, True) == hashes
    assert includes(bytes.fromhex(ROOTS[8]), 8, 0, leaf_hash(b""), hashes)
    assert extends(1, bytes.fromhex(ROOTS[1]), 8, bytes.fromhex(ROOTS[8]), hashes)


@pytest.mark.parametrize("n", range(1, 71))
def test_every_inclusion_path_is_the_rfcs_and_checks(n: int) -> None:
    for m in range(n):
        made = [many_root(*subtree) for subtree in inclusion_path(m, n)]
        assert made == path(m, MANY[:n])
        assert includes(many_root(0, n), n, m, leaf_hash(MANY[m]), made)


@pytest.mark.parametrize("n", range(1, 71))
def test_every_consistency_path_is_the_rfcs_and_checks(n: int) -> None:
    for m in range(1, n + 1):
        made = [many_root(*subtree) for subtree in consistency_path(m, n)]
        assert made == subproof(m, MANY[:n], True)
        assert extends(m, many_root(0, m), n, many_root(0, n), made)


@given(n=st.integers(1, 70), data=st.data())
def test_no_other_place_leaf_size_or_path_passes(n: int, data: st.DataObject) -> None:
    m = data.draw(st.integers(0, n - 1))
    good = [many_root(*subtree) for subtree in inclusion_path(m, n)]
    top, leaf = many_root(0, n), leaf_hash(MANY[m])
    assert not includes(top, n, m, leaf_hash(b"other"), good)
    assert not includes(leaf_hash(b"other"), n, m, leaf, good)
    assert not includes(top, n, m, leaf, [*good, top])
    for other in range(n):
        assert other == m or not includes(top, n, other, leaf, good)
    for place in range(len(good)):
        assert not includes(top, n, m, leaf, good[:place] + good[place + 1 :])
        assert not includes(top, n, m, leaf, [*good[:place], top, *good[place + 1 :]])


@given(n=st.integers(2, 70), data=st.data())
def test_no_other_past_passes(n: int, data: st.DataObject) -> None:
    m = data.draw(st.integers(1, n - 1))
    good = [many_root(*subtree) for subtree in consistency_path(m, n)]
    old, new = many_root(0, m), many_root(0, n)
    assert not extends(m, leaf_hash(b"other"), n, new, good)
    assert not extends(m, old, n, leaf_hash(b"other"), good)
    for place in range(len(good)):
        assert not extends(m, old, n, new, good[:place] + good[place + 1 :])
        assert not extends(m, old, n, new, [*good[:place], new, *good[place + 1 :]])
    assert not extends(n, old, n, new, [])


@settings(max_examples=25)
@given(n=st.integers(71, 5000), seed=st.integers())
def test_big_trees_agree_with_the_reference(n: int, seed: int) -> None:
    leaves = [str(number).encode() for number in range(n)]
    m = random.Random(seed).randrange(n)
    assert root_of(map(leaf_hash, leaves)) == root(leaves)
    assert [root(leaves[a:b]) for a, b in inclusion_path(m, n)] == path(m, leaves)
    assert [root(leaves[a:b]) for a, b in consistency_path(m + 1, n)] == subproof(m + 1, leaves, True)


@given(size=st.integers(1, 10**12), data=st.data())
def test_a_path_is_short_and_made_of_few_complete_subtrees(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    subtrees = inclusion_path(index, size)
    assert len(subtrees) <= 40
    pieces = [piece for subtree in subtrees for piece in complete_subtrees(subtree)]
    assert len(pieces) <= 80
    assert sum(1 << level for level, _ in pieces) == size - 1


@given(n=st.integers(1, 70))
def test_complete_subtrees_fold_to_the_root(n: int) -> None:
    parts = [many_root(i << level, (i + 1) << level) for level, i in complete_subtrees((0, n))]
    assert fold(parts) == many_root(0, n)
    grown = Peaks()
    for leaf in MANY[:n]:
        grown.append(leaf_hash(leaf))
    assert (grown.size, grown.root()) == (n, many_root(0, n))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 2)])
def test_a_leaf_outside_the_tree_has_no_path(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="not in the tree"):
        inclusion_path(index, size)


@pytest.mark.parametrize(("old", "new"), [(0, 1), (2, 1), (-1, 1)])
def test_a_tree_that_is_not_a_prefix_has_no_path(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="not part"):
        consistency_path(old, new)
