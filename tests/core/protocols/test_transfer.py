"""Transfer at the coordinator: who is handed whose context vectors, and what the losses come to."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.catalogue.table import Catalogue
from feddmf.payload import Payload, ReleaseKind
from feddmf.plan import Plan, matched_rows
from feddmf.protocols.base import Dropout
from feddmf.protocols.registry import exchanges, protocol_for
from feddmf.protocols.transfer import CLOSE, CONTEXTS, Transfer
from support.runs import run_settings

PARTIES = ("acme", "bolt", "cargo")
# acme and cargo share nothing; bolt shares two items with acme and one with cargo.
KEYS = {"a": "acme bolt", "b": "acme bolt", "c": "bolt cargo", "x": "acme", "z": "cargo"}
CATALOGUE = Catalogue(
    version=1,
    labels=dict.fromkeys(KEYS, ""),
    columns={party: {key: key for key, owners in KEYS.items() if party in owners} for party in PARTIES},
)
SETTINGS = run_settings(PARTIES, protocol="transfer", transfer={"rank": 2})
PLAN = Plan(run="r-1", catalogue=CATALOGUE.digest(), settings=SETTINGS)
ROWS = matched_rows(CATALOGUE, PLAN)
PROTOCOL = Transfer()
CONTRIBUTIONS = {
    "acme": Payload({"contexts": np.array([[1, 2], [3, 4]], np.float32)}),
    "bolt": Payload({"contexts": np.array([[5, 6], [7, 8], [9, 10]], np.float32)}),
    "cargo": Payload({"contexts": np.array([[11, 12]], np.float32)}),
}


def close(**losses: float) -> dict[str, object]:
    """Return the figures of a close with `losses`."""
    told = {party: Payload({"loss": np.array([[loss]], np.float32)}) for party, loss in losses.items()}
    outcome = PROTOCOL.combine(PROTOCOL.init(PLAN, ROWS), CLOSE, 0, told)
    assert outcome.done
    assert outcome.replies == {}
    return dict(outcome.diagnostics)


def test_each_party_is_handed_its_peers_vectors_of_shared_items() -> None:
    """Peers stand side by side in sorted order, with zeros where one does not sell the item."""
    outcome = PROTOCOL.combine(PROTOCOL.init(PLAN, ROWS), CONTEXTS, 0, CONTRIBUTIONS)
    found = {party: outcome.reply(party)["contexts"].tolist() for party in PARTIES}
    assert found == {
        "acme": [[5, 6, 0, 0], [7, 8, 0, 0]],
        "bolt": [[1, 2, 0, 0], [3, 4, 0, 0], [0, 0, 11, 12]],
        "cargo": [[0, 0, 9, 10]],
    }
    assert not outcome.done
    assert outcome.diagnostics == {}


def test_payloads_fit_the_phases() -> None:
    """Contributions and replies are of the declared shapes; every matched item is in the rows."""
    up, down = PROTOCOL.phases(PLAN)
    outcome = PROTOCOL.combine(PROTOCOL.init(PLAN, ROWS), CONTEXTS, 0, CONTRIBUTIONS)
    for party in PARTIES:
        up.contribution.check(CONTRIBUTIONS[party], ROWS.sizes(party))
        up.reply.check(outcome.reply(party), ROWS.sizes(party))
    assert [phase.name for phase in (up, down)] == [CONTEXTS, CLOSE]
    assert exchanges(PLAN) == 2
    (published,) = PROTOCOL.publication(PLAN).arrays
    assert (published.kind, published.columns) == (ReleaseKind.ATTRIBUTE_VECTOR, 2)


def test_replies_of_long_vectors_are_no_fault_of_the_coordinator() -> None:
    """Two peers' rows, each as long as is allowed, make a longer one."""
    long = {
        party: Payload({"contexts": np.full_like(payload["contexts"], 7_000)})
        for party, payload in CONTRIBUTIONS.items()
    }
    everybody = Catalogue(version=1, labels={"a": ""}, columns={party: {"a": "a"} for party in PARTIES})
    rows = matched_rows(everybody, PLAN)
    given = {party: Payload({"contexts": long[party]["contexts"][:1]}) for party in PARTIES}
    outcome = PROTOCOL.combine(PROTOCOL.init(PLAN, rows), CONTEXTS, 0, given)
    PROTOCOL.phases(PLAN)[0].reply.check(outcome.reply("acme"), rows.sizes("acme"))


def test_the_loss_is_the_mean_over_those_who_offer() -> None:
    """A party without an offer has none to tell; where nobody offers the loss is 0."""
    found = close(acme=0.25, bolt=0.0, cargo=0.75)
    assert found["loss"] == pytest.approx(0.5)
    assert found["parties"] == {"acme": {"loss": 0.25}, "bolt": {"loss": 0.0}, "cargo": {"loss": 0.75}}
    assert close(acme=0, bolt=0, cargo=0)["loss"] == 0


def test_a_lost_party_ends_the_run() -> None:
    """Nobody else has its vectors."""
    assert protocol_for("transfer").on_dropout(None, "acme") is Dropout.ABORT
