"""A federation of many parties that share a whole catalogue, a run that waits, and its coordinator."""

from __future__ import annotations

import contextlib
import io
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from feddmf.errors import RunFailed
from feddmf.files import write_bytes
from feddmf.identity import encode_certificate, encode_key, make_key
from feddmf.payload import Axis
from feddmf.runfile import RunSettings
from feddmf_coordinator import enrolling
from feddmf_coordinator.authority import Authority, read_passphrase
from feddmf_coordinator.limits import LimitSettings
from feddmf_coordinator.settings import CoordinatorFolder, CoordinatorSettings
from feddmf_coordinator.store.catalogues import accept, add_catalogue, published_digest
from feddmf_coordinator.store.certificates import add_certificate, add_party
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.submitting import Submitted, submit_run
from feddmf_party.identity import Federation, IdentityFiles

__all__ = ["Many", "serving"]

_NAME = "bench"
_START_S = 600.0
_LONG_S = 7_200


@dataclass(frozen=True)
class Many:
    """A coordinator's folder, the parties' folders, a submitted run, and the row counts of each party."""

    folder: Path
    parties: dict[str, Path]
    run: str
    sizes: dict[str, dict[Axis, int]]

    @classmethod
    def found(cls, path: Path, *, parties: int, items: int, columns: int, rounds: int) -> Many:
        """Found a federation in `path` whose parties all sell all items, and submit a run of `rounds`."""
        now, names = datetime.now(UTC), [f"party-{number:02}" for number in range(parties)]
        folder = CoordinatorFolder(path / "coordinator")
        settings = CoordinatorSettings(
            federation=_NAME, port=_free_port(), enrolment_port=_free_port(), limits=LimitSettings()
        )
        enrolling.init(folder, settings, now=now)
        homes = {name: path / name for name in names}
        with (
            Database.open(folder.database_url(settings)) as database,
            database.begin() as connection,
        ):
            authority = Authority.load(folder, read_passphrase(folder, None))
            for name, home in homes.items():
                key = make_key()
                leaf = authority.issue_party(key.public_key(), _NAME, name, days=2, now=now)
                add_party(connection, name, now=now)
                add_certificate(connection, name, leaf)
                files = IdentityFiles(home)
                write_bytes(files.root, encode_certificate(authority.certificate))
                write_bytes(files.key, encode_key(key), mode=0o600)
                write_bytes(files.certificate, encode_certificate(leaf))
                files.write_federation(_federation(name, settings))
            catalogue = add_catalogue(connection, _catalogue(names, items), where="made up", now=now)
            digest = published_digest(connection, catalogue.version)
            for name in names:
                accept(connection, catalogue.version, name, digest, now=now)
            run_settings = _run_settings(tuple(names), columns=columns, rounds=rounds)
            made = submit_run(connection, run_settings, settings.limits, now=now)
        return cls(folder.path, homes, made.run, _sizes(made))


@contextlib.contextmanager
def serving(many: Many) -> Iterator[subprocess.Popen[bytes]]:
    """Serve a federation by the product's own command, in a process of its own, for a block."""
    log = many.folder / "bench.log"
    with log.open("wb") as said:
        command = [sys.executable, "-m", "feddmf", "coordinator", "start", "--folder", str(many.folder)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        began = time.monotonic()
        while "is served at" not in log.read_text():
            if process.poll() is not None or time.monotonic() - began > _START_S:
                raise RunFailed("the coordinator of a benchmark does not start", hint=log.read_text()[-500:])
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def _run_settings(names: tuple[str, ...], *, columns: int, rounds: int) -> RunSettings:
    return RunSettings.model_validate(
        {
            "name": "many",
            "purpose": "a benchmark",
            "parties": names,
            "recipe": "embedding",
            "model": {"embedding_dim": columns},
            "training": {"epochs": rounds},
            "alignment": {"syncs_per_epoch": 1, "max_rounds": rounds},
            "enforcement": {"not_following": "report", "probe_floor": -1},
            "waits": {"join_s": _LONG_S, "round_s": _LONG_S, "absent_s": 600, "publish_s": _LONG_S},
        }
    )


def _sizes(made: Submitted) -> dict[str, dict[Axis, int]]:
    return {name: {**made.rows.sizes(name), Axis.OFFERED_ITEMS: 0} for name in made.plan.roster}


def _catalogue(names: list[str], items: int) -> str:
    """Return a catalogue in which every item is everybody's, under one name."""
    text = io.StringIO()
    text.write(",".join(["key", "label", *(f"local_id:{name}" for name in names)]) + "\n")
    for number in range(items):
        text.write(f"item-{number:07}," + f",item-{number:07}" * len(names) + "\n")
    return text.getvalue()


def _federation(name: str, settings: CoordinatorSettings) -> Federation:
    return Federation(
        federation=_NAME,
        party=name,
        enrolment_address=f"localhost:{settings.enrolment_port}",
        federation_address=f"localhost:{settings.port}",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
