"""The gate: what is outside schema or policy leaves no trace, and what leaves is recorded first."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feddmf.errors import FedDMFError, LocalResourceError, PayloadError, PolicyError
from feddmf.ledger import items_digest
from feddmf.payload import ArraySpec, Axis, DType, Payload, PayloadSchema, ReleaseKind
from feddmf.protocols.registry import protocol_for
from feddmf_party.egress import Cleared, EgressGate
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.policy import Policy
from support.runs import small_run

RUN = small_run(2, shared=3, own=2, each=2, model={"embedding_dim": 2}, alignment={"probe_share": 0.0})
ITEMS = RUN.items["acme"]
SCHEMA = protocol_for("feddmf").phases(RUN.plan)[0].contribution
SIZES = ITEMS.sizes(0)
NBYTES = 3 * 2 * 4 + 4


def contribution(value: float = 1.0, rows: int = 3) -> Payload:
    """Return a contribution that fits SCHEMA, or nearly."""
    vectors = np.full((rows, 2), value, dtype=np.float32)
    return Payload({"vectors": vectors, "loss": np.zeros((1, 1), dtype=np.float32)})


class Gate:
    """A gate with its ledger file."""

    def __init__(self, folder: Path, **policy: Any) -> None:
        self.path = folder / "ledger.jsonl"
        self.gate = EgressGate(RUN.plan, Policy(**policy), LedgerFile(self.path))

    def clear(self, payload: Payload, number: int = 0, items: Sequence[str] = ITEMS.matched) -> Cleared:
        """Ask the gate to clear an align contribution."""
        return self.gate.clear("align", number, payload, schema=SCHEMA, sizes=SIZES, items=items)

    def records(self) -> list[dict[str, Any]]:
        """Return what is on disk."""
        return list(LedgerFile(self.path).records())


def test_a_release_is_recorded_with_all_that_it_is(tmp_path: Path) -> None:
    """The ledger says run, phase, round, kinds, shapes, bytes, digest and the items behind the rows."""
    gate, payload = Gate(tmp_path), contribution()
    cleared = gate.clear(payload, number=4)
    assert cleared == Cleared("small-1", "align", 4, SCHEMA, payload, 0, payload.sha256())
    (record,) = gate.records()
    assert {name: record[name] for name in ("event", "run", "phase", "round", "bytes")} == {
        "event": "release",
        "run": "small-1",
        "phase": "align",
        "round": 4,
        "bytes": NBYTES,
    }
    assert record["arrays"] == [
        {"name": "vectors", "kind": "item_vectors", "dtype": "float32", "shape": [3, 2]},
        {"name": "loss", "kind": "loss_scalar", "dtype": "float32", "shape": [1, 1]},
    ]
    assert record["sha256"] == hashlib.sha256(b"".join(payload.buffers())).hexdigest()
    assert record["items"] == items_digest(ITEMS.matched)


def test_joining_is_recorded_with_purpose_and_company(tmp_path: Path) -> None:
    """The ledger keeps what the party joined, for what, with whom, over which catalogue."""
    gate = Gate(tmp_path)
    gate.gate.join("c0ffee")
    (record,) = gate.records()
    assert record["event"] == "join"
    assert record["purpose"] == "a test"
    assert record["parties"] == ["acme", "bolt"]
    assert record["catalogue"] == RUN.catalogue.digest()
    # They matter for protocols of sums alone.
    assert "conditions" not in record


def test_no_record_holds_a_number_of_a_vector(tmp_path: Path) -> None:
    """The ledger can be shown to others: it has digests of vectors and keys, not vectors and keys."""
    gate = Gate(tmp_path)
    gate.clear(contribution(value=0.123456))
    text = gate.path.read_text()
    assert "0.1234" not in text
    assert not any(key in text for key in ITEMS.matched)


@pytest.mark.parametrize(
    ("payload", "policy", "error", "message"),
    [
        (contribution(rows=2), {}, PayloadError, r"vectors has shape \(2, 2\), declared \(3, 2\)"),
        (contribution(np.nan), {}, PayloadError, "vectors row 0 is not finite"),
        (Payload({"users": np.zeros((3, 2), np.float32)}), {}, PayloadError, "arrays users where"),
        (Payload(), {}, PayloadError, "arrays none where"),
        (
            contribution(),
            {"release_kinds": (ReleaseKind.ITEM_VECTORS,)},
            PolicyError,
            "loss is loss_scalar, which the policy keeps in",
        ),
        (
            contribution(),
            {"max_row_norm": 0.001},
            PolicyError,
            r"vectors has a row of norm 1\.41, over max_row_norm = 0\.001$",
        ),
        (contribution(), {"max_run_bytes": NBYTES - 1}, PolicyError, "over max_run_bytes"),
    ],
)
def test_what_is_refused_leaves_no_trace(
    tmp_path: Path, payload: Payload, policy: dict[str, Any], error: type[FedDMFError], message: str
) -> None:
    """Outside schema, kinds, norm or bytes nothing is cleared and nothing is recorded."""
    gate = Gate(tmp_path, **policy)
    with pytest.raises(error, match=message):
        gate.clear(payload)
    assert not gate.path.exists()


def test_a_vector_that_is_too_long_can_be_allowed(tmp_path: Path) -> None:
    """The hint names the key, and a vector as long as it says passes."""
    with pytest.raises(PolicyError) as caught:
        Gate(tmp_path, max_row_norm=1.4).clear(contribution())
    assert caught.value.hint == "raise max_row_norm in policy.toml if such vectors may leave"
    assert Gate(tmp_path, max_row_norm=2**0.5).clear(contribution()).ledger_number == 0


def test_what_a_mask_hides_must_be_allowed_too(tmp_path: Path) -> None:
    """Whoever can take the mask off has it; the ledger says what it hides."""
    hidden = ArraySpec("vectors", ReleaseKind.MASKED_SUM, Axis.ONE, 1, DType.UINT64, hides=ReleaseKind.GRAM)
    payload = Payload({"vectors": np.zeros((1, 1), dtype=np.uint64)})

    def clear(gate: Gate) -> None:
        gate.gate.clear("fit", 0, payload, schema=PayloadSchema((hidden,)), sizes={}, items=())

    with pytest.raises(PolicyError, match="vectors is gram, which the policy keeps in"):
        clear(Gate(tmp_path, release_kinds=(ReleaseKind.MASKED_SUM,)))
    gate = Gate(tmp_path, release_kinds=(ReleaseKind.MASKED_SUM, ReleaseKind.GRAM))
    clear(gate)
    (array,) = gate.records()[0]["arrays"]
    assert (array["kind"], array["hides"]) == ("masked_sum", "gram")


def test_sums_may_be_longer_than_an_items_vector(tmp_path: Path) -> None:
    """A sum over all users grows with the party; what bounds it is its schema."""
    gate = Gate(tmp_path, max_row_norm=1.5)
    loss = np.full((1, 1), 9_000, dtype=np.float32)
    gate.clear(Payload({**contribution(), "loss": loss}))
    assert len(gate.records()) == 1


def test_bytes_are_counted_over_the_run(tmp_path: Path) -> None:
    """The limit holds for all releases of a run together, and a refused one does not count."""
    gate = Gate(tmp_path, max_run_bytes=2 * NBYTES)
    gate.clear(contribution(1))
    with pytest.raises(PayloadError):
        gate.clear(contribution(rows=2))
    gate.clear(contribution(2))
    with pytest.raises(PolicyError, match=f"would have sent {3 * NBYTES} bytes"):
        gate.clear(contribution(3))
    assert len(gate.records()) == 2


def test_a_restarted_node_goes_on_counting(tmp_path: Path) -> None:
    """What a run has sent before a restart still counts; what other runs sent does not."""
    Gate(tmp_path).clear(contribution())
    again = Gate(tmp_path, max_run_bytes=2 * NBYTES - 1)
    with pytest.raises(PolicyError, match=f"would have sent {2 * NBYTES} bytes"):
        again.clear(contribution(2))
    # What was sent before is recorded again, and tells nobody more.
    again.clear(contribution())
    assert len(again.records()) == 2
    other = RUN.plan.model_copy(update={"run": "other-1"})
    gate = EgressGate(other, Policy(max_run_bytes=NBYTES), LedgerFile(again.path))
    gate.clear("align", 0, contribution(), schema=SCHEMA, sizes=SIZES, items=())


def test_nothing_is_cleared_that_could_not_be_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a ledger record there is no release; it can be cleared later, once the disk has room."""
    gate = Gate(tmp_path, max_run_bytes=NBYTES)

    def full(*_: object) -> None:
        raise LocalResourceError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(LedgerFile, "append", full)
        with pytest.raises(LocalResourceError):
            gate.clear(contribution())
    assert gate.clear(contribution()).ledger_number == 0


def test_the_ledger_grows_before_anything_is_returned(tmp_path: Path) -> None:
    """At the moment a release is cleared its record can be read from the disk."""
    gate = Gate(tmp_path)
    for number in range(3):
        cleared = gate.clear(contribution(number), number)
        assert cleared.ledger_number == number
        assert gate.records()[-1]["sha256"] == cleared.payload.sha256().hex()


def test_the_digest_of_items_is_of_their_order_and_number() -> None:
    """Other keys, another order, or keys joined in another way have another digest."""
    digests = {items_digest(keys) for keys in (("a", "b"), ("b", "a"), ("a",), ("ab",), ('a","b',), ())}
    assert len(digests) == 6
    assert items_digest(["a", "b"]) == hashlib.sha256(b'["a","b"]').hexdigest()


def test_publications_go_through_the_same_gate(tmp_path: Path) -> None:
    """Attribute vectors need their kind in the policy like everything else."""
    schema = protocol_for("feddmf").publication(RUN.plan)
    payload = Payload({"vectors": np.ones((2, 2), dtype=np.float32)})
    sizes = {Axis.OFFERED_ITEMS: 2}
    gate = Gate(tmp_path, release_kinds=(ReleaseKind.ITEM_VECTORS, ReleaseKind.LOSS_SCALAR))
    with pytest.raises(PolicyError, match="vectors is attribute_vector"):
        gate.gate.clear("publish", 0, payload, schema=schema, sizes=sizes, items=ITEMS.exclusive)
    Gate(tmp_path).gate.clear("publish", 0, payload, schema=schema, sizes=sizes, items=ITEMS.exclusive)
    assert gate.records()[0]["arrays"][0]["kind"] == "attribute_vector"
