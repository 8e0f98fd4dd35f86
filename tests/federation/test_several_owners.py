"""Three parties of which two sell what the third asks for, over mutual TLS and in a simulation."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest

from feddmf.catalogue.table import Catalogue
from feddmf_coordinator.store.runs import RunState
from feddmf_party.catalogue import AcceptedViews
from feddmf_party.offer import offerable, write_offer
from feddmf_party.prediction import Predictor
from feddmf_party.run_folder import RunFolder
from feddmf_party.simulating import simulate_folders
from support.federation import LiveFederation, live, quick_run
from support.runs import PARTIES, catalogue_of, small_run

THREE = PARTIES[:3]
BOTH = ("both-0", "both-1", "both-2")


def catalogue() -> Catalogue:
    """Return items that all sell, three that bolt and cargo sell, and two of each alone."""
    owners = {f"m{number:03}": THREE for number in range(12)}
    return catalogue_of(owners | dict.fromkeys(BOTH, THREE[1:]), THREE, own=2)


def offer_all(federation: LiveFederation) -> None:
    """Let each party offer what somebody may lack."""
    for party in THREE:
        folder = federation.folder(party)
        view = AcceptedViews(folder / "catalogue", party).get().view
        write_offer(folder / "offer.toml", offerable(view))


def published_by(folder: RunFolder, peer: str) -> list[str]:
    """Return the keys that a party has kept of what a peer published."""
    return [key for key, _ in json.loads((folder.path / "peers" / f"{peer}.json").read_text())]


def test_two_owners_answer_the_third_together(tmp_path: Path) -> None:
    """Both publish; who lacks the items gets one answer of the two, who sells them is not told of them."""
    small = small_run(3, users=24, catalogue=catalogue())

    async def served() -> str:
        async with live(tmp_path, small) as federation:
            offer_all(federation)
            run = federation.submit(quick_run(THREE))
            assert await federation.nodes(*THREE) == dict.fromkeys(THREE)
            assert federation.run(run).state is RunState.FINISHED
            published = federation.published(run)
            for party in THREE[1:]:
                keys = [key for key, _ in published[party][0].items]
                assert keys == sorted([*BOTH, f"{party}-000", f"{party}-001"])
            return run

    run = asyncio.run(served())
    folders = {party: RunFolder(tmp_path / party / "runs" / run) for party in THREE}
    assert published_by(folders["bolt"], "cargo") == ["cargo-000", "cargo-001"]
    predictor = Predictor(folders["acme"])
    assert [each.owners for each in predictor.attributes() if each.key in BOTH] == [THREE[1:]] * 3
    chosen = [predictor.attribute(BOTH[0], owner=owner) for owner in (None, "bolt", "cargo")]
    (block,) = predictor.predict(chosen)
    together, bolt, cargo = block.probabilities.T
    # Nobody was measured on as few users as these, and both count alike.
    np.testing.assert_allclose(together, (bolt + cargo) / 2, rtol=1e-5)
    np.testing.assert_allclose(block.disagreement[:, 0], abs(bolt - cargo) / 2, atol=1e-6)
    assert not block.disagreement[:, 1:].any()


@pytest.mark.parametrize("protocol", ["fedavg", "fcf", "transfer"])
def test_a_simulation_keeps_what_each_party_lacks(tmp_path: Path, protocol: str) -> None:
    """In every protocol matched items may be published, and are told to those who lack them alone."""
    small = small_run(3, users=24, catalogue=catalogue())

    async def prepared() -> None:
        async with live(tmp_path, small) as federation:
            offer_all(federation)

    asyncio.run(prepared())
    folders = {party: tmp_path / party for party in THREE}
    policy = 'protocols = ["PROTOCOL"]\nrelease_kinds = ["attribute_vector", "loss_scalar", "item_vectors", '
    policy += '"shared_layers", "item_gradient", "gram", "context_vectors"]\n'
    for folder in folders.values():
        (folder / "policy.toml").write_text(policy.replace("PROTOCOL", protocol))
    settings = quick_run(THREE, protocol=protocol, fcf={"rank": 4, "rounds": 2}, transfer={"rank": 4})
    kept = simulate_folders(settings, small.catalogue, folders, tmp_path / "out")
    assert published_by(kept["acme"], "bolt") == ["bolt-000", "bolt-001", *BOTH]
    assert published_by(kept["cargo"], "bolt") == ["bolt-000", "bolt-001"]
    predictor = Predictor(kept["acme"])
    (block,) = predictor.predict([predictor.attribute(key) for key in BOTH])
    assert np.isfinite(block.probabilities).all()
