"""Every kind of weather between party and coordinator: the run goes on, and not a bit of it changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from feddmf_coordinator.store.runs import RunState
from feddmf_party.identity import IdentityFiles
from feddmf_party.run_folder import RunFolder
from feddmf_party.simulating import simulate_folders
from support.enrolment import until
from support.federation import LiveFederation, Watch, bytes_kept, founded, quick_run, served
from support.ports import free_ports
from support.proxy import FAIR, Proxy, Weather, proxied
from support.runs import SmallRun, small_run

PARTIES = ("acme", "bolt")
_WAITS = {"join_s": 60, "round_s": 120, "absent_s": 60, "publish_s": 60}
_SHORT: dict[str, Any] = {"training": {"epochs": 3}, "waits": _WAITS}
# Two exchanges of 256 kB each way, and the publication.
_LARGE: dict[str, Any] = {
    "model": {"embedding_dim": 64, "hidden_dim": 4},
    "training": {"epochs": 1, "negatives": 1},
    "alignment": {"syncs_per_epoch": 1, "probe_share": 0.0},
    "waits": _WAITS,
}
WEATHER: Mapping[str, Weather] = {
    "delayed": Weather(delay_s=0.05),
    "cut": Weather(cut_every=12_000),
    "cut, and what was under way comes late": Weather(cut_every=12_000, delay_s=0.02, late_s=0.3),
    "overtaking": Weather(cut_every=15_000, held_s=0.5),
    "silent": Weather(silent_after=12_000),
    "some are lost": Weather(cut_every=15_000, lost=0.25),
}


@contextlib.asynccontextmanager
async def through(federation: LiveFederation, weather: Weather) -> AsyncIterator[dict[str, Proxy]]:
    """Put each party behind a proxy of its own for a block."""
    async with contextlib.AsyncExitStack() as stack:
        proxies = {}
        for number, party in enumerate(PARTIES):
            way = proxied(federation.enrolled.settings.port, weather, seed=number)
            proxies[party] = await stack.enter_async_context(way)
            files = IdentityFiles(federation.folder(party))
            named = files.load_federation()
            to = f"localhost:{proxies[party].port}"
            files.write_federation(named.model_copy(update={"federation_address": to}))
        yield proxies


def played(
    path: Path, small: SmallRun, weather: Weather, sections: Mapping[str, Any]
) -> tuple[dict[str, dict[str, bytes]], dict[str, Proxy]]:
    """Play a run in which everybody is behind weather; return what each party keeps, and the proxies."""
    enrolled = founded(path, small, node={"beat_s": 0.2, "call_s": 3, "reconnect_s": 60})

    async def main() -> tuple[dict[str, dict[str, bytes]], dict[str, Proxy]]:
        async with served(enrolled, small) as federation, through(federation, weather) as proxies:
            run = federation.submit(quick_run(PARTIES, **sections))
            assert await federation.nodes(*PARTIES, within_s=180) == dict.fromkeys(PARTIES)
            assert federation.run(run).state is RunState.FINISHED
            kept = {party: RunFolder(federation.folder(party) / "runs" / run) for party in PARTIES}
            return {party: bytes_kept(folder) for party, folder in kept.items()}, proxies

    return asyncio.run(main())


def quiet(path: Path, small: SmallRun, sections: Mapping[str, Any]) -> dict[str, dict[str, bytes]]:
    """Return what each party keeps of the run where there is no network at all."""
    folders = {party: path / party for party in PARTIES}
    kept = simulate_folders(quick_run(PARTIES, **sections), small.catalogue, folders, path / "out")
    return {party: bytes_kept(folder) for party, folder in kept.items()}


@pytest.mark.parametrize("name", WEATHER)
def test_weather_changes_no_bit(tmp_path: Path, name: str) -> None:
    """Connections that are late, cut in the middle, overtaken by others, or silent from the start."""
    small, weather = small_run(2), WEATHER[name]
    kept, proxies = played(tmp_path, small, weather, _SHORT)
    assert kept == quiet(tmp_path, small, _SHORT)
    for proxy in proxies.values():
        assert (proxy.cuts > 1) == (weather.cut_every > 0)


def test_transfers_that_are_cut_are_gone_on_with(tmp_path: Path) -> None:
    """No connection lives for as long as one contribution takes: what the other end has is not sent again."""
    small = small_run(2, shared=2_500)
    _, whole = played(tmp_path / "whole", small, FAIR, _LARGE)
    kept, proxies = played(tmp_path / "cut", small, Weather(cut_every=400_000), _LARGE)
    assert kept == quiet(tmp_path / "cut", small, _LARGE)
    for party, proxy in proxies.items():
        assert proxy.cuts >= 3
        # A part of a transfer that was cut is lost; a transfer from its start each time would never end.
        assert proxy.passed < 4 * whole[party].passed


def test_64_kb_a_second_are_enough(tmp_path: Path) -> None:
    """A line that is busy with a transfer for seconds is no dead line, and the party on it is not missing."""
    small = small_run(2, shared=1_000)
    sections = {**_LARGE, "waits": {**_WAITS, "absent_s": 10}}
    kept, proxies = played(tmp_path, small, Weather(bytes_per_s=64_000), sections)
    assert kept == quiet(tmp_path, small, sections)
    assert all(proxy.passed > 500_000 for proxy in proxies.values())


def test_a_coordinator_that_comes_back_at_the_next_address_is_found(tmp_path: Path) -> None:
    """It goes down in the middle of a run and comes up at another port, which the parties' settings name."""
    small, sections = small_run(2), {**_SHORT, "training": {"epochs": 12}}
    enrolled = founded(tmp_path, small, node={"beat_s": 0.2, "call_s": 3, "reconnect_s": 60})
    (port,) = free_ports(1)
    for folder in enrolled.parties.values():
        with (folder / "party.toml").open("a") as file:
            file.write(f'\n[coordinator]\naddresses = ["localhost:{port}"]\n')

    async def main() -> dict[str, dict[str, bytes]]:
        watch = Watch()
        async with asyncio.timeout(180):
            async with served(enrolled, small) as federation:
                run = federation.submit(quick_run(PARTIES, **sections))
                nodes = [asyncio.create_task(federation.node(party, watch)) for party in PARTIES]
                await until(lambda: watch.count("round_done") > 10, within_s=60)
            settings = enrolled.folder.settings_file
            settings.write_text(
                settings.read_text().replace(f"port = {enrolled.settings.port}", f"port = {port}", 1)
            )
            async with served(enrolled, small) as federation:
                assert await asyncio.gather(*nodes) == [None, None]
                assert federation.run(run).state is RunState.FINISHED
                kept = {party: RunFolder(federation.folder(party) / "runs" / run) for party in PARTIES}
                return {party: bytes_kept(folder) for party, folder in kept.items()}

    assert asyncio.run(main()) == quiet(tmp_path, small, sections)
