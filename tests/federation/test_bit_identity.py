"""The same run file gives the same bytes in one process, over mutual TLS, and in processes of their own."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feddmf.catalogue.table import parse_catalogue
from feddmf.runfile import RunSettings
from feddmf_party.datasets import Dataset, Pairs
from feddmf_party.datasets.folders import write_federation
from feddmf_party.datasets.split import split
from feddmf_party.offer import write_offer
from feddmf_party.run_folder import RunFolder
from feddmf_party.simulating import simulate_folders
from support.federation import bytes_kept, catalogue_csv, founded, live, quick_run
from support.processes import feddmf, started
from support.runs import PARTIES, SmallRun, small_run


def _simulated(small: SmallRun, settings: RunSettings, folders: dict[str, Path], out: Path) -> dict[str, Any]:
    kept = simulate_folders(settings, small.catalogue, folders, out)
    return {party: bytes_kept(folder) for party, folder in kept.items()}


@pytest.mark.parametrize(
    ("count", "sections"),
    [
        (2, {}),
        (3, {"alignment": {"margin": 0.2, "beta": 100}, "training": {"batch_size": 32, "epochs": 1}}),
        (2, {"training": {"threads": 2}}),
    ],
)
def test_a_run_over_mutual_tls_gives_the_bytes_of_its_simulation(
    tmp_path: Path, count: int, sections: dict[str, Any]
) -> None:
    """Models, users and publications, for two parties and for three, with a hinge and without."""
    small, parties = small_run(count), PARTIES[:count]
    settings = quick_run(parties, **sections)

    async def served() -> tuple[dict[str, Any], dict[str, Path]]:
        async with live(tmp_path, small) as federation:
            run = federation.submit(settings)
            assert set((await federation.nodes(*parties)).values()) == {None}
            folders = {party: federation.folder(party) for party in parties}
            kept = {party: RunFolder(folder / "runs" / run) for party, folder in folders.items()}
            for party, (_, payload) in federation.published(run).items():
                (witness, *_) = (peer for peer in parties if peer != party)
                peer = {each.party: each for each in kept[witness].load_peers()}[party]
                assert payload["vectors"].tobytes() == peer.vectors.tobytes()
            return {party: bytes_kept(folder) for party, folder in kept.items()}, folders

    over_tls, folders = asyncio.run(served())
    assert over_tls == _simulated(small, settings, folders, tmp_path / "out")
    assert all(len(kept["items"]) > 0 for kept in over_tls.values())


def test_three_processes_give_the_bytes_of_feddmf_simulate(tmp_path: Path) -> None:
    """Coordinator and parties as an operator and two companies start them, against the one command."""
    small = small_run(2)
    enrolled = founded(tmp_path, small)
    coordinator = str(enrolled.folder.path)
    run_file, catalogue = tmp_path / "run.toml", tmp_path / "catalogue.csv"
    run_file.write_text(_toml(quick_run(("acme", "bolt"))))
    catalogue.write_text(catalogue_csv(small))
    with started(tmp_path, "coordinator", "coordinator", "start", "--folder", coordinator) as serving:
        serving.until("is served at")
        submitted = feddmf("run", "submit", str(run_file), "--folder", coordinator)
        assert submitted.returncode == 0, submitted.stderr
        with (
            started(tmp_path, "a", "party", "start", "--once", "--folder", str(tmp_path / "acme")) as acme,
            started(tmp_path, "b", "party", "start", "--once", "--folder", str(tmp_path / "bolt")) as bolt,
        ):
            assert (acme.code(), bolt.code()) == (0, 0), acme.said + bolt.said
        watched = feddmf("run", "watch", submitted.stdout.strip(), "--folder", coordinator)
        assert watched.returncode == 0, watched.stderr
        assert serving.terminate() == 0
    parties = [word for party in enrolled.parties for word in ("--party", f"{party}={tmp_path / party}")]
    made = feddmf(
        *("simulate", str(run_file), "--catalog", str(catalogue), "--out", str(tmp_path / "out"), *parties)
    )
    assert made.returncode == 0, made.stderr
    for party in ("acme", "bolt"):
        served = RunFolder(tmp_path / party / "runs" / "small-1")
        simulated = RunFolder(tmp_path / "out" / party / "runs" / "small")
        assert bytes_kept(served) == bytes_kept(simulated)


def _toml(settings: RunSettings) -> str:
    sections = settings.model_dump(mode="json", exclude_none=True)
    plain = [
        f"{name} = {json.dumps(value)}" for name, value in sections.items() if not isinstance(value, dict)
    ]
    for name, values in sections.items():
        if isinstance(values, dict):
            plain += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return "\n".join(plain) + "\n"


def test_changing_every_test_cell_changes_no_byte(tmp_path: Path) -> None:
    """The cells that predictions are measured on reach neither a party's file nor a trained vector."""
    random = np.random.default_rng(4)
    users = np.array([f"u{number:02}" for number in range(30)])
    items = np.array([f"i{number:02}" for number in range(40)])
    cells = random.random((30, 40)) < 0.3  # [users, items]
    cells[:, 0] = True  # every item and every user is there in both
    cells[0, :] = True
    sides = split(users, items, _pairs(users, items, cells), seed=1).parties
    flipped = cells.copy()
    for side in sides.values():
        at = np.ix_(np.searchsorted(users, side.users), np.searchsorted(items, side.asked))
        flipped[at] = ~cells[at]
    assert 0.2 < (flipped != cells).mean() < 0.3  # half of the users, a quarter of the items, twice
    first, second = (
        _trained(tmp_path / name, users, items, held) for name, held in (("a", cells), ("b", flipped))
    )
    assert first == second


def _pairs(users: Any, items: Any, cells: Any) -> Pairs:
    rows, columns = np.nonzero(cells)
    return Pairs.merge(users[rows], items[columns], np.ones(len(rows)))


def _trained(folder: Path, users: Any, items: Any, cells: Any) -> dict[str, Any]:
    """Write a federation of a data set, simulate a run, and return the bytes of all files and arrays."""
    pairs = _pairs(users, items, cells)
    labels = {item: item.upper() for item in items.tolist()}
    dataset = Dataset("tiny", "Tiny", "none", "nobody", "count", pairs, labels)
    parts = split(users, items, pairs, seed=1)
    written = write_federation(dataset, parts, folder)
    catalogue = parse_catalogue(written.catalogue.read_text(), version=1, where="catalogue.csv")
    for party, side in parts.parties.items():
        (folder / party / "party.toml").write_text('[data]\npath = "interactions.csv"\n')
        write_offer(folder / party / "offer.toml", side.own.tolist())
    homes = {party: folder / party for party in parts.parties}
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in (written.catalogue, *written.interactions.values())
    }
    settings = quick_run(tuple(parts.parties))
    kept = simulate_folders(settings, catalogue, homes, folder / "out")
    return files | {party: bytes_kept(each) for party, each in kept.items()}
