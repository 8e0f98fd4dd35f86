from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feddmf.errors import ConfigError, ConnectError, InputError, LocalResourceError, Refused, TimedOut
from feddmf.invitation import write_invitation
from feddmf_coordinator import enrolling as operator
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_party.enrolling import Enrolment, enroll
from feddmf_party.identity import IdentityFiles, load_identity
from support.authority import EnrolledFederation, enrol, make_federation
from support.enrolment import approving, port_is_open, serving_enrolment, until


@pytest.fixture
def federation(tmp_path: Path) -> EnrolledFederation:
    """A coordinator whom nobody has joined."""
    return make_federation(tmp_path, ())


@pytest.fixture
def party(tmp_path: Path) -> Path:
    """The folder of a company that is new."""
    return tmp_path / "acme"


async def _once(
    folder: CoordinatorFolder, party: Path, invitation: Path, fingerprint: str | None
) -> Enrolment:
    async with serving_enrolment(folder):
        await until(lambda: port_is_open(folder))
        return await enroll(party, invitation, fingerprint)


def test_a_company_enrols_from_nothing(
    federation: EnrolledFederation, party: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Invitation, request, the key read out, approval, certificate, over real TLS; then the port closes."""
    caplog.set_level(logging.DEBUG)
    folder = federation.folder
    invited = operator.invite(folder, "acme")
    read_out: list[str] = []

    async def flow() -> Enrolment:
        async def approve_what_is_read_out() -> None:
            await until(lambda: read_out)
            await approving(folder, "acme", read_out[0])

        async with serving_enrolment(folder):
            operator_task = asyncio.create_task(approve_what_is_read_out())
            done = await enroll(
                party,
                invited.file,
                federation.root_fingerprint,
                wait_s=10,
                poll_s=0.05,
                announce=read_out.append,
            )
            await operator_task

            async def closed() -> bool:
                return not await port_is_open(folder)

            await until(closed)
            return done

    done = asyncio.run(flow())
    identity = load_identity(party)
    assert (done.party, done.federation, done.key_fingerprint) == ("acme", "testfed", read_out[0])
    assert done.valid_until == identity.valid_until
    assert identity.federation_address == federation.address
    modes = {path.name: path.stat().st_mode & 0o777 for path in (party / "identity").iterdir()}
    assert modes["key.pem"] == 0o600
    assert invited.invitation.token not in caplog.text
    assert all(invited.invitation.token not in p.read_text("latin-1") for p in (party / "identity").iterdir())


def test_another_fingerprint_stops_before_anything_is_written(
    federation: EnrolledFederation, party: Path
) -> None:
    """An invitation that was swapped on its way is noticed."""
    invited = operator.invite(federation.folder, "acme")
    with pytest.raises(InputError, match=r"root has the fingerprint .*, not the one given"):
        asyncio.run(enroll(party, invited.file, "00" * 32))
    assert not party.exists()


def test_a_fingerprint_is_demanded(federation: EnrolledFederation, party: Path) -> None:
    """Trusting an unchecked root is no default."""
    invited = operator.invite(federation.folder, "acme")
    with pytest.raises(InputError, match="has not been checked") as caught:
        asyncio.run(enroll(party, invited.file, None))
    assert "--fingerprint" in caught.value.hint


def test_an_enrolment_goes_on_where_it_was(federation: EnrolledFederation, party: Path) -> None:
    """Asking, and asking again after the approval, is one enrolment; a third call needs no wire."""
    folder = federation.folder
    invited = operator.invite(folder, "acme")
    first = asyncio.run(_once(folder, party, invited.file, federation.root_fingerprint))
    assert first.valid_until is None
    key = IdentityFiles(party).key.read_bytes()
    operator.approve(folder, "acme", fingerprint=first.key_fingerprint)
    second = asyncio.run(_once(folder, party, invited.file, None))
    assert second.valid_until is not None
    assert IdentityFiles(party).key.read_bytes() == key
    assert asyncio.run(enroll(party, invited.file, None)) == second


def test_a_reply_that_was_lost_can_be_had_again(federation: EnrolledFederation, party: Path) -> None:
    """Killed after the certificate was sent and before it was said to be safe: the same command mends it."""
    folder = federation.folder
    invited = operator.invite(folder, "acme")
    fingerprint = federation.root_fingerprint
    asyncio.run(_once(folder, party, invited.file, fingerprint))
    operator.approve(folder, "acme")
    done = asyncio.run(_once(folder, party, invited.file, fingerprint))
    files = IdentityFiles(party)
    files.certificate.unlink()
    files.write_federation(files.load_federation().model_copy(update={"invitation_sha256": ""}))
    # Collected before: the port is closed, unless somebody else is invited meanwhile.
    operator.invite(folder, "bolt")
    assert asyncio.run(_once(folder, party, invited.file, fingerprint)) == done
    assert load_identity(party).valid_until == done.valid_until


def test_waiting_in_vain_is_a_timeout(federation: EnrolledFederation, party: Path) -> None:
    """The request stays, and the hint says that the command goes on."""
    invited = operator.invite(federation.folder, "acme")

    async def wait() -> None:
        async with serving_enrolment(federation.folder):
            await until(lambda: port_is_open(federation.folder))
            await enroll(party, invited.file, federation.root_fingerprint, wait_s=0.2, poll_s=0.05)

    with pytest.raises(TimedOut, match=r"has not approved the request within 0\.2 s") as caught:
        asyncio.run(wait())
    assert "goes on where it was" in caught.value.hint


def test_a_coordinator_that_is_away_is_named(federation: EnrolledFederation, party: Path) -> None:
    """The address, and that the port is not always open."""
    invited = operator.invite(federation.folder, "acme")
    with pytest.raises(ConnectError, match=f"localhost:{federation.settings.enrolment_port}") as caught:
        asyncio.run(enroll(party, invited.file, federation.root_fingerprint))
    assert "the port is open only while" in caught.value.hint


def test_a_coordinator_that_comes_later_is_waited_for(federation: EnrolledFederation, party: Path) -> None:
    """Within the wait, being away is no error."""
    folder = federation.folder
    invited = operator.invite(folder, "acme")

    async def flow() -> Enrolment:
        asking = asyncio.create_task(
            enroll(party, invited.file, federation.root_fingerprint, wait_s=20, poll_s=0.05)
        )
        await asyncio.sleep(0.3)
        async with serving_enrolment(folder):
            await approving(folder, "acme")
            return await asking

    assert asyncio.run(flow()).valid_until is not None


def test_an_ended_invitation_is_diagnosed_at_home(federation: EnrolledFederation, party: Path) -> None:
    """The coordinator says refused; the file says since when."""
    folder = federation.folder
    old = operator.invite(folder, "acme", now=datetime.now(UTC) - timedelta(hours=73))
    operator.invite(folder, "bolt")
    with pytest.raises(Refused, match="refused: the invitation ended on"):
        asyncio.run(_once(folder, party, old.file, federation.root_fingerprint))


def test_a_withdrawn_invitation_is_diagnosed_at_home(federation: EnrolledFederation, party: Path) -> None:
    """Nothing in the file is wrong, so it is another invitation or another key."""
    folder = federation.folder
    first = operator.invite(folder, "acme", file=party.parent / "first.toml")
    operator.invite(folder, "acme")
    with pytest.raises(Refused, match="withdrawn by a later one, or used with another key"):
        asyncio.run(_once(folder, party, first.file, federation.root_fingerprint))


def test_an_invitation_is_good_for_one_company(federation: EnrolledFederation, party: Path) -> None:
    """Whoever gets hold of a used invitation is refused."""
    folder = federation.folder
    invited = operator.invite(folder, "acme")
    asyncio.run(_once(folder, party, invited.file, federation.root_fingerprint))
    with pytest.raises(Refused):
        asyncio.run(_once(folder, party.parent / "thief", invited.file, federation.root_fingerprint))


def test_a_used_invitation_beside_a_certificate_is_diagnosed(
    federation: EnrolledFederation, party: Path
) -> None:
    """A party that is enrolled learns that it may simply go on."""
    folder = federation.folder
    first = operator.invite(folder, "acme", file=party.parent / "first.toml")
    enrol(folder, "acme", party)
    operator.invite(folder, "bolt")
    with pytest.raises(Refused, match="holds a valid certificate already"):
        asyncio.run(_once(folder, party, first.file, federation.root_fingerprint))


def test_a_coordinator_of_another_root_is_told_apart(federation: EnrolledFederation, party: Path) -> None:
    """Somebody in between cannot be mistaken for a network that is down."""
    other = make_federation(party.parent / "other", ())
    honest = operator.invite(federation.folder, "acme").invitation
    address = f"localhost:{other.settings.enrolment_port}"
    file = party.parent / "redirected.toml"
    write_invitation(file, honest.model_copy(update={"enrolment_address": address}))
    operator.invite(other.folder, "acme")
    with pytest.raises(Refused, match="has no certificate from the invitation's root"):
        asyncio.run(_once(other.folder, party, file, federation.root_fingerprint))


def test_a_renewal_keeps_the_key_and_brings_a_later_certificate(
    federation: EnrolledFederation, party: Path
) -> None:
    """The certificate in the folder is replaced when the new one is there, not before."""
    folder = federation.folder
    enrol(folder, "acme", party, now=datetime.now(UTC) - timedelta(days=80))
    before = load_identity(party)
    invited = operator.invite(folder, "acme")
    assert asyncio.run(_once(folder, party, invited.file, None)).valid_until is None
    assert load_identity(party) == before
    operator.approve(folder, "acme")
    asyncio.run(_once(folder, party, invited.file, None))
    after = load_identity(party)
    assert after.key_pem == before.key_pem
    assert after.valid_until > before.valid_until + timedelta(days=79)


def test_a_folder_holds_one_identity(federation: EnrolledFederation, party: Path) -> None:
    """Another party and another federation need another folder, and the first stays whole."""
    enrol(federation.folder, "acme", party)
    before = load_identity(party)
    other = make_federation(party.parent / "other", ())
    bolt = operator.invite(federation.folder, "bolt")
    with pytest.raises(InputError, match="is acme of testfed, the invitation is for bolt"):
        asyncio.run(enroll(party, bolt.file, federation.root_fingerprint))
    elsewhere = operator.invite(other.folder, "acme")
    with pytest.raises(InputError, match="belongs to another federation"):
        asyncio.run(enroll(party, elsewhere.file, other.root_fingerprint))
    assert load_identity(party) == before


def test_an_enrolment_that_never_ended_does_not_bind_the_folder(
    federation: EnrolledFederation, party: Path
) -> None:
    """A federation that was founded again can be joined from the same folder, its root checked anew."""
    abandoned = operator.invite(federation.folder, "acme")
    asyncio.run(_once(federation.folder, party, abandoned.file, federation.root_fingerprint))
    other = make_federation(party.parent / "other", ())
    invited = operator.invite(other.folder, "acme")
    with pytest.raises(InputError, match="has not been checked"):
        asyncio.run(enroll(party, invited.file, None))
    asyncio.run(_once(other.folder, party, invited.file, other.root_fingerprint))
    operator.approve(other.folder, "acme")
    assert asyncio.run(_once(other.folder, party, invited.file, None)).valid_until is not None


def test_a_file_that_is_no_invitation_is_an_error(party: Path, tmp_path: Path) -> None:
    """Named with its key."""
    file = tmp_path / "x.toml"
    file.write_text('party = "acme"\n')
    with pytest.raises(ConfigError, match="missing key federation"):
        asyncio.run(enroll(party, file, None))


def test_a_folder_that_cannot_be_written_is_explained(federation: EnrolledFederation, tmp_path: Path) -> None:
    """A file stands where the folder should."""
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    invited = operator.invite(federation.folder, "acme")
    with pytest.raises(LocalResourceError, match="cannot write"):
        asyncio.run(enroll(blocked, invited.file, federation.root_fingerprint))
