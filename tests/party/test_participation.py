"""What a party checks before it joins a run, and of what peers publish: it believes nothing it is told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feddmf.errors import CatalogueError, ConfigError, FedDMFError, InputError, PolicyError, RunFailed
from feddmf.members.base import Reply
from feddmf.payload import EMPTY, Payload
from feddmf.plan import Plan
from feddmf_party.folder import PartyFolder
from feddmf_party.offer import write_offer
from feddmf_party.participation import Participation, _check_published, _cleared_exchange, prepare
from support.federation import founded, quick_run
from support.runs import small_run

SMALL = small_run(2)
RUN = "small-1"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of acme, with table, offer and accepted catalogue; nobody serves it."""
    return founded(tmp_path_factory.mktemp("founded"), SMALL).parties["acme"]


def _plan(**fields: Any) -> bytes:
    plan = Plan(run=RUN, catalogue=SMALL.catalogue.digest(), settings=quick_run(("acme", "bolt")))
    return plan.model_copy(update=fields).model_dump_json().encode()


def _prepare(home: Path, document: bytes, run: str = RUN) -> Participation:
    return prepare(PartyFolder(home), "acme", document, run)


def test_a_plan_that_holds_is_prepared(home: Path) -> None:
    """With the party's own table, its offer, and the phases that both sides derive."""
    part = _prepare(home, _plan())
    assert part.table.interactions.users == 40
    assert part.offered == SMALL.items["acme"].exclusive
    assert [(phase.name, phase.rounds) for phase in part.phases] == [("align", 12), ("close", 1)]


@pytest.mark.parametrize(
    "run", ["../small-1", "a/b", "", ".", "..", "-x", "x" * 200, "Small", "a\n", "a\x00"]
)
def test_a_run_whose_id_could_be_a_path_is_not_joined(home: Path, run: str) -> None:
    """It becomes the name of a folder here."""
    with pytest.raises(ConfigError, match="cannot be the id of a run"):
        _prepare(home, _plan(run=run), run)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"", "cannot be used"),
        (b"\xff\xfe", "cannot be used"),
        (b"[" * 100_000, "cannot be used"),
        (b"{}", "missing key run"),
        (_plan().replace(b'"seed":0', b'"seed":0,"extra":1'), "unknown key settings.extra"),
        (_plan().replace(b'"protocol":"feddmf"', b'"protocol":"other"'), "key settings.protocol"),
        (_plan().replace(b'"bolt"', b'"../bolt"'), "key settings.parties"),
        (_plan(run="small-2"), "is not one of run small-1 for acme"),
        (_plan(settings=quick_run(("bolt", "cargo"))), "is not one of run small-1 for acme"),
    ],
)
def test_a_plan_that_is_none_is_not_joined(home: Path, document: bytes, message: str) -> None:
    """The error names the key, on one line."""
    with pytest.raises(ConfigError, match=message) as caught:
        _prepare(home, document)
    assert "\n" not in caught.value.message


def test_a_catalogue_that_was_not_accepted_is_not_trained_on(home: Path) -> None:
    """Whatever the coordinator says that it is."""
    with pytest.raises(CatalogueError, match="has not accepted the catalogue digest"):
        _prepare(home, _plan(catalogue="0" * 64))


def test_a_peer_without_a_common_item_is_nobody_to_align_with(home: Path) -> None:
    """A roster of strangers leaves nothing to align."""
    with pytest.raises(CatalogueError, match="acme sells no item that another party"):
        _prepare(home, _plan(settings=quick_run(("acme", "cargo"))))


def test_a_policy_is_held_against_the_plan_before_data_is_read(home: Path, tmp_path: Path) -> None:
    """Its message may cross the wire, so no table has been opened by then."""
    bare = PartyFolder(tmp_path)
    for name in ("party.toml", "offer.toml", "catalogue"):
        (tmp_path / name).symlink_to(home / name)
    (tmp_path / "policy.toml").write_text('release_kinds = ["item_vectors"]\n')
    with pytest.raises(PolicyError, match="asks for loss_scalar"):
        prepare(bare, "acme", _plan(), RUN)
    (tmp_path / "policy.toml").unlink()
    with pytest.raises(FedDMFError, match=r"interactions\.csv"):
        prepare(bare, "acme", _plan(), RUN)


def test_a_round_is_not_left_out_of_a_run_that_waits_for_everybody(home: Path) -> None:
    """The plan that was joined says so, whatever the coordinator does later."""

    class Skipping:
        async def exchange(self, *_: Any, **__: Any) -> Reply:
            return Reply(EMPTY, next_round=("align", 5))

    part = _prepare(home, _plan())
    exchange = _cleared_exchange(part, Skipping())  # type: ignore[arg-type]  # no more of it is called
    contribution = part.member.contribute("align", 0, None)
    with pytest.raises(RunFailed, match="closed round 1 of align without this party"):
        asyncio.run(exchange("align", 0, contribution))


def test_a_finished_run_is_not_written_over(home: Path) -> None:
    """A coordinator that announces an id twice does not get a party's results replaced."""
    kept = home / "runs" / RUN
    kept.mkdir(parents=True)
    (kept / "run.json").write_text("{}")
    with pytest.raises(InputError, match="holds a finished run of that id already"):
        _prepare(home, _plan())
    (kept / "run.json").unlink()
    assert _prepare(home, _plan()).plan.run == RUN


def test_an_offer_of_something_shared_is_not_published(home: Path) -> None:
    """Though the catalogue may once have said otherwise."""
    offer = home / "offer.toml"
    before = offer.read_text()
    write_offer(offer, ["m000"])
    with pytest.raises(CatalogueError, match="'m000' is also sold by bolt"):
        _prepare(home, _plan())
    offer.write_text(before)


@pytest.mark.parametrize(
    ("published", "message"),
    [
        ((("", "A"),), "an item has no key"),
        ((("bolt-000", "A"), ("bolt-000", "A")), "an item is there twice"),
        ((("bolt-000", "A" * 1_000),), "item 'bolt-000' has an overlong name"),
        ((("b" * 1_000, "A"),), "has an overlong name"),
    ],
)
def test_what_peers_publish_is_checked_again_at_home(
    published: tuple[tuple[str, str], ...], message: str
) -> None:
    """The coordinator should have refused it; the party does not rely on that."""
    with pytest.raises(CatalogueError, match="what bolt has published does not hold: ") as caught:
        _check_published("bolt", published, EMPTY)
    assert message in caught.value.message
    assert len(caught.value.message) < 200


def test_what_peers_may_publish_passes() -> None:
    """Items, also such as others sell, each once, or nothing."""
    for published in ((), (("bolt-000", "A"), ("bolt-001", "")), (("m000", "M"), ("acme-000", "A"))):
        _check_published("bolt", published, EMPTY)


@pytest.mark.parametrize(
    ("row", "fits"),
    [
        ((0, 0, 0), True),
        ((1, 0.9, 0.01), True),
        ((1, 0, 0), True),
        ((1, 50, 0.01), False),
        ((1, 0.9, -3), False),
        ((2, 0.9, 0.01), False),
    ],
)
def test_quality_that_cannot_be_is_refused(row: tuple[float, float, float], fits: bool) -> None:
    """A flag, a ROC-AUC and a standard error are within their bounds, whoever tells them."""
    payload = Payload({"quality": np.array([row], dtype=np.float32)})
    if fits:
        _check_published("bolt", (("bolt-000", "A"),), payload)
        return
    with pytest.raises(CatalogueError, match="what it says of the quality cannot be"):
        _check_published("bolt", (("bolt-000", "A"),), payload)
