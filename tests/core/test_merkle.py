"""Merkle trees of RFC 6962: known roots, proofs that hold, and no change that goes unseen."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf.merkle import audit_path, leaf_hash, root, root_from_path

# The leaves and roots of the RFC's reference implementation (certificate-transparency, merkle_tree_test).
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
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

DOCUMENTS = st.lists(st.binary(max_size=3), min_size=1, max_size=9)


def naive_root(documents: list[bytes]) -> bytes:
    """Return the Merkle tree hash word for word as RFC 6962, section 2.1, defines it."""
    n = len(documents)
    if n == 1:
        return hashlib.sha256(b"\x00" + documents[0]).digest()
    k = max(power for power in (1, 2, 4, 8) if power < n)
    return hashlib.sha256(b"\x01" + naive_root(documents[:k]) + naive_root(documents[k:])).digest()


def hashes(documents: list[bytes]) -> list[bytes]:
    """Return the leaf hashes."""
    return [leaf_hash(document) for document in documents]


@pytest.mark.parametrize("size", range(1, 9))
def test_known_roots(size: int) -> None:
    """One to eight known leaves have the known roots."""
    assert root(hashes(LEAVES[:size])).hex() == ROOTS[size - 1]


@given(DOCUMENTS)
def test_the_root_is_that_of_the_rfc(documents: list[bytes]) -> None:
    """The root is what the definition gives, word for word."""
    assert root(hashes(documents)) == naive_root(documents)


@given(DOCUMENTS, DOCUMENTS)
def test_no_two_lists_have_one_root(left: list[bytes], right: list[bytes]) -> None:
    """Any change of any leaf, of their order or their number changes the root."""
    assert (root(hashes(left)) == root(hashes(right))) == (left == right)


@given(DOCUMENTS, st.data())
def test_a_path_leads_each_leaf_to_the_root(documents: list[bytes], data: st.DataObject) -> None:
    """Each leaf and its path give the root; another leaf, place or path does not."""
    leaves = hashes(documents)
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = audit_path(leaves, index)
    assert root_from_path(leaves[index], index, len(leaves), path) == root(leaves)
    assert root_from_path(leaf_hash(b"other"), index, len(leaves), path) != root(leaves)
    assert root_from_path(leaves[index], index, len(leaves), (*path, bytes(32))) != root(leaves)
    if path:
        assert root_from_path(leaves[index], index, len(leaves), path[1:]) != root(leaves)
        place = data.draw(st.integers(0, len(path) - 1))
        bent = (*path[:place], bytes(32), *path[place + 1 :])
        assert root_from_path(leaves[index], index, len(leaves), bent) != root(leaves)


@pytest.mark.parametrize(("index", "size"), [(-1, 2), (2, 2), (1, 1)])
def test_a_place_outside_the_tree_has_no_root(index: int, size: int) -> None:
    """A leaf number outside the tree leads nowhere."""
    assert root_from_path(bytes(32), index, size, (bytes(32),) * (size - 1)) is None
