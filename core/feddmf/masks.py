"""Pairwise masks that cancel in a sum: the coordinator learns totals over the parties that sell an item.

Source: Bonawitz et al., "Practical secure aggregation" (2017), without its recovery of dropouts: a run
that loses a party ends. Keys: X25519 (RFC 7748), HKDF-SHA256 (RFC 5869); streams: ChaCha20 (RFC 8439);
values are integers modulo 2^64 in fixed point, so masks cancel exactly. They protect against a coordinator
that follows the protocol and looks at what it gets: it relays the public keys, and one that replaced all of
them by its own would see through the masks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from feddmf.errors import Misconduct, RunFailed

__all__ = ["KEY_WORDS", "PairwiseMasks", "from_fixed", "to_fixed"]

KEY_WORDS = 4
"""A public key is 32 bytes: four words of uint64."""

FRACTION_BITS = 40
_KEY_BYTES = 32
_ZERO_NONCE = bytes(16)

Words = npt.NDArray[np.uint64]


def to_fixed(values: npt.NDArray[np.floating], parties: int) -> Words:
    """Return round(values * 2^40) modulo 2^64; RunFailed where the sum of `parties` such might overflow."""
    with np.errstate(over="ignore"):  # what overflows here is told below
        scaled = np.rint(values.astype(np.float64) * 2.0**FRACTION_BITS)
    if not (np.abs(scaled) < 2.0**63 / parties).all():
        raise RunFailed(
            f"a value of {np.abs(values).max():.3g} is too large to be masked among {parties} parties",
            hint="scale the values down, or run without masks",
        )
    return scaled.astype(np.int64).view(np.uint64)


def from_fixed(total: Words) -> npt.NDArray[np.float64]:
    """Return the values of a sum of fixed-point numbers, float64 of its shape."""
    return total.view(np.int64) / 2.0**FRACTION_BITS


class PairwiseMasks:
    """One party's masks: a private key, and a stream with every other member of the roster."""

    def __init__(self, party: str, private: bytes | None = None) -> None:
        self._party = party
        self._key = (
            X25519PrivateKey.generate() if private is None else X25519PrivateKey.from_private_bytes(private)
        )
        self._streams: dict[str, bytes] = {}

    @property
    def private(self) -> bytes:
        """The private key, 32 bytes; it stays at home."""
        return self._key.private_bytes_raw()

    @property
    def public(self) -> Words:
        """The public key, uint64 [1, 4]."""
        return np.frombuffer(self._key.public_key().public_bytes_raw(), dtype="<u8").reshape(1, KEY_WORDS)

    def agree(self, publics: Mapping[str, Words], context: Sequence[str]) -> None:
        """Derive a stream key with each peer from everybody's public keys, [1, 4] each.

        The keys are bound to `context` (run, catalogue), to the roster and to all public keys: parties that
        were told different keys or rosters do not cancel; and to the pair, so that a peer that sends another
        one's key shares no stream with it. Raises RunFailed where the own key is not among
        `publics` as it was sent, Misconduct where a peer's is no key.
        """
        if not np.array_equal(publics.get(self._party, np.empty(0)), self.public):
            raise RunFailed(
                f"the coordinator hands out another public key for {self._party} than it sent",
                hint="do not go on; ask the operator",
            )
        roster = sorted(publics)
        told = hashlib.sha256(b"".join(publics[party].tobytes() for party in roster)).hexdigest()
        self._streams = {}
        for peer in roster:
            if peer != self._party:
                pair = sorted((self._party, peer))
                bound = json.dumps([*context, roster, told, pair], separators=(",", ":")).encode()
                self._streams[peer] = _stream_key(self._key, peer, publics[peer], bound)

    def hide(self, values: Words, address: str, rows: Mapping[str, npt.NDArray[np.int64]]) -> Words:
        """Return `values` [rows, columns] under the masks at `address`, which is used once in a run.

        rows[peer]: the rows that `peer` adds to as well, in an order that both sides have. Of a pair the
        party that sorts first adds the mask, the other one subtracts it.
        """
        hidden, columns = values.copy(), values.shape[1]
        for peer, key in sorted(self._streams.items()):
            shared = rows[peer]
            mask = _stream(key, address, len(shared) * columns).reshape(len(shared), columns)
            hidden[shared] += mask if self._party < peer else -mask
        return hidden


def _stream_key(own: X25519PrivateKey, peer: str, public: Words, bound: bytes) -> bytes:
    try:
        secret = own.exchange(X25519PublicKey.from_public_bytes(public.tobytes()))
    except ValueError as error:
        raise Misconduct(
            peer, f"{peer} sent something that is no public key", hint=f"ask {peer} which software it runs"
        ) from error
    info = b"feddmf pairwise masks " + bound
    return HKDF(algorithm=hashes.SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(secret)


def _stream(key: bytes, address: str, words: int) -> Words:
    """Return `words` numbers of the stream at `address`, under a key of its own, so that no nonce recurs."""
    own = HKDFExpand(algorithm=hashes.SHA256(), length=_KEY_BYTES, info=address.encode()).derive(key)
    encryptor = Cipher(ChaCha20(own, _ZERO_NONCE), mode=None).encryptor()
    return np.frombuffer(encryptor.update(bytes(8 * words)), dtype="<u8")
