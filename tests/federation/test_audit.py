"""A run from both sides' ledgers: they hold, agree, and show whatever is changed in either afterwards."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import grpc
import pytest

from feddmf.audit.party_book import audit_party
from feddmf.errors import InputError
from feddmf.wire import federation_pb2 as pb
from feddmf_party.catalogue import AcceptedViews
from feddmf_party.client.federation import FederationClient
from feddmf_party.egress import clear_offer
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.papers import party_papers
from feddmf_party.settings import NodeSettings
from support.cli import Cli
from support.federation import LiveFederation, live, quick_run
from support.hostile import bare

PARTIES = ("acme", "bolt")


async def finished_run(federation: LiveFederation) -> str:
    """Take both parties through a run."""
    run = federation.submit(quick_run(PARTIES))
    assert set((await federation.nodes(*PARTIES)).values()) == {None}
    return run


def test_a_run_can_be_verified_compared_and_exported_and_no_edit_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Verified and compared by folders and by exports; then cut, and edited, on either side."""

    async def main() -> str:
        async with live(tmp_path) as federation:
            return await finished_run(federation)

    run, cli = asyncio.run(main()), Cli(capsys)
    acme, coordinator = tmp_path / "acme", tmp_path / "coordinator"
    data = cli.data("audit", "verify", "--folder", acme)
    # A key, an offer, a join, 13 rounds and their end, a publication.
    assert (data["holds"], data["records"], data["releases"]) == (True, 17, 14)
    assert data["sent"] == {"offer": 1, "release": 14}
    assert (
        data["keys"][0]["key_fingerprint"] == cli.data("party", "status", "--folder", acme)["key_fingerprint"]
    )
    assert data["countersigned_records"] == data["records"]
    assert data["countersignatures"] == 15
    assert cli.data("audit", "verify", "--folder", coordinator)["receipts"] == 30
    shown = cli.data("audit", "show", "--folder", acme, "--run", run)["records"]
    assert [each["event"] for each in shown] == ["join", *["release"] * 14]
    ours, theirs = tmp_path / "acme.audit", tmp_path / "about-acme.audit"
    cli.data("audit", "export", "--folder", acme, "--out", ours)
    cli.data("audit", "export", "--folder", coordinator, "--party", "acme", "--out", theirs)
    for one, other in ((acme, theirs), (ours, theirs)):
        found = cli.data("audit", "compare", one, other)
        assert (found["agrees"], found["sent"], found["heads"]) == (True, 15, 15)
    _spoil(cli, acme, ours, theirs)


def _spoil(cli: Cli, acme: Path, ours: Path, theirs: Path) -> None:
    """Cut, edit and swap what a party keeps; each is named, with an error's exit code."""
    for name, change, words in (
        ("ledger.jsonl", lambda lines: lines[:-1], "was cut: the coordinator countersigned 17 records"),
        ("ledger.jsonl", lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]], "record 4 does not"),
        ("countersignatures.jsonl", lambda lines: lines[:-1], "record 16 (release of run"),
    ):
        path = acme / name
        whole = path.read_bytes()
        path.write_bytes(b"".join(change(whole.splitlines(keepends=True))))
        code, out, err = cli.call("audit", "verify", "--folder", acme)
        assert (code, "it does not hold" in out) == (4, True)
        assert words in err
        path.write_bytes(whole)
    lines = theirs.read_bytes().splitlines(keepends=True)
    # The coordinator forgets from the last that it received of acme on, and says so nowhere.
    last = max(place for place, line in enumerate(lines) if b'"party": "acme"' in line and place)
    header = json.loads(lines[0])
    header["sections"]["ledger"] = last - 1
    theirs.write_bytes(json.dumps(header).encode() + b"\n" + b"".join(lines[1:last]))
    assert cli.data("audit", "verify", theirs)["holds"] is True
    code, out, _ = cli.call("audit", "compare", ours, theirs)
    assert code == 4
    assert out.startswith("the two sides differ in 2 places:\n- party only: release of run")
    assert "records does not have: records of it are missing" in out


def connected(federation: LiveFederation) -> FederationClient:
    """Return acme's client, to be entered."""
    return FederationClient(federation.folder("acme"), NodeSettings(call_s=10, reconnect_s=5))


def offer(folder: PartyFolder, key: str = "acme-000") -> Any:
    """Clear an offer of acme's."""
    view = AcceptedViews(folder.catalogue, "acme").get().view
    return clear_offer(LedgerFile(folder.ledger), view, [key], where="offer.toml")


def test_a_head_that_does_not_go_on_is_refused_and_said_why(tmp_path: Path) -> None:
    """At home, by what was countersigned; where that is gone too, by the coordinator, with both lengths."""

    async def main() -> None:
        async with live(tmp_path) as federation, connected(federation) as client:
            folder = PartyFolder(federation.folder("acme"))
            await client.announce_offer(offer(folder))
            await client.announce_offer(offer(folder))
            assert len(folder.countersignatures.read_bytes().splitlines()) == 4
            folder.ledger.unlink()
            async with connected(federation) as another:
                with pytest.raises(
                    InputError, match="the last that the coordinator countersigned, is not th"
                ):
                    await another.announce_offer(offer(folder, "acme-001"))
            kept = folder.countersignatures.read_bytes()
            folder.countersignatures.unlink()
            folder.ledger.unlink()
            async with connected(federation) as another:
                with pytest.raises(
                    InputError, match="a ledger of 2 records, and told one of 3 before"
                ) as caught:
                    await another.announce_offer(offer(folder, "acme-001"))
                assert "feddmf audit compare" in caught.value.hint
                with pytest.raises(InputError, match="a ledger of 3 records, and told one of 3 before"):
                    await another.announce_offer(offer(folder, "acme-001"))
                # Once it is longer nothing can be seen from its length; the party's own audit tells.
                await another.announce_offer(offer(folder, "acme-001"))
            folder.countersignatures.write_bytes(kept)
            found = audit_party(party_papers(folder.path)).problems
            assert "record 1 is not the one that the coordinator countersigned" in found[0].message

    asyncio.run(main())


def test_a_call_that_tells_nothing_or_signs_nothing_is_refused(tmp_path: Path) -> None:
    """A head is asked for, and has to be signed by the caller's own key."""

    async def main() -> None:
        async with live(tmp_path) as federation, bare(federation.enrolled, "acme") as acme:
            async with bare(federation.enrolled, "bolt") as bolt:
                foreign = bolt.ledger
            for ledger, words in (
                (pb.LedgerHead(), "tells no head of its ledger"),
                (pb.LedgerHead(length=1 << 63, hash=bytes(32), signature=b"x"), "tells no head"),
                (pb.LedgerHead(length=9, hash=bytes(32), signature=acme.ledger.signature), "has not signed"),
                (foreign, "that it has not signed"),
            ):
                parts = [pb.OfferPart(catalogue_version=1, ledger=ledger)]
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await acme.stub.AnnounceOffer(iter(parts), timeout=10)
                assert caught.value.code() is grpc.StatusCode.OUT_OF_RANGE
                assert words in str(caught.value.details())

    asyncio.run(main())


def test_the_same_call_again_gets_the_same_word(tmp_path: Path) -> None:
    """What was received before is not recorded again; the countersignature is the same to the byte."""

    async def main() -> None:
        async with live(tmp_path) as federation, bare(federation.enrolled, "acme") as acme:
            parts = [pb.OfferPart(catalogue_version=1)]
            first, again = [await acme.announce(parts) for _ in range(2)]
            assert first == again
            assert first.replies[0].countersignature.length == 2
            lines = federation.enrolled.folder.ledger.read_bytes().splitlines()
            assert len(lines) == 3

    asyncio.run(main())


def test_a_command_beside_a_node_raises_no_false_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another process has told a later end meanwhile, the call tells the end again, and is taken."""

    async def main() -> None:
        async with live(tmp_path) as federation, connected(federation) as one:
            folder = PartyFolder(federation.folder("acme"))
            cleared, heads = offer(folder), [await one._end.tell()]
            async with connected(federation) as other:
                await other.announce_offer(offer(folder))
            fresh = one._end.tell

            async def tell() -> pb.LedgerHead:
                return heads.pop() if heads else await fresh()

            monkeypatch.setattr(one._end, "tell", tell)
            await one.announce_offer(cleared)
            assert not heads
            assert audit_party(party_papers(folder.path)).problems == []

    asyncio.run(main())
