"""A party's folder: where each of its files is, and what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from feddmf.config import load_toml
from feddmf.errors import ConfigError
from feddmf.files import all_or_nothing, explain_os_error, write_text
from feddmf_party.policy import Policy, render_policy_toml
from feddmf_party.settings import PartySettings, render_party_toml

__all__ = ["PartyFolder"]


@dataclass(frozen=True)
class PartyFolder:
    """Paths of one party's private files."""

    path: Path

    @property
    def settings_file(self) -> Path:
        """Where tables are; the sign that a folder is a party's."""
        return self.path / "party.toml"

    @property
    def policy_file(self) -> Path:
        """What may leave."""
        return self.path / "policy.toml"

    @property
    def offer_file(self) -> Path:
        """Which of its own items the party lets peers predict."""
        return self.path / "offer.toml"

    @property
    def catalogue(self) -> Path:
        """Folder of accepted catalogue views."""
        return self.path / "catalogue"

    @property
    def runs(self) -> Path:
        """Folder with one folder a finished run."""
        return self.path / "runs"

    @property
    def tables(self) -> Path:
        """Folder with large tables as they were last read, so that they need not be read again."""
        return self.path / "tables"

    @property
    def forgotten(self) -> Path:
        """Digests of users whom every load leaves out."""
        return self.path / "forgotten.json"

    @property
    def ledger(self) -> Path:
        """The egress ledger."""
        return self.path / "ledger.jsonl"

    @property
    def ledger_key(self) -> Path:
        """Secret under which the ledger has digests of the party's tables; it never leaves the folder."""
        return self.path / "ledger.key"

    @property
    def privacy(self) -> Path:
        """Folder with the private release of each private run."""
        return self.path / "privacy"

    @property
    def countersignatures(self) -> Path:
        """What the coordinator has countersigned of the ledger."""
        return self.path / "countersignatures.jsonl"

    @property
    def matchings(self) -> Path:
        """Folder with the secret numbers of matchings that are not over."""
        return self.path / "matchings"

    @property
    def tokens(self) -> Path:
        """Digests of the query API's tokens."""
        return self.path / "tokens.json"

    @property
    def query_log(self) -> Path:
        """Who asked the query API for what."""
        return self.path / "queries.jsonl"

    @property
    def audiences(self) -> Path:
        """Folder with one file a saved audience; no user is named in it."""
        return self.path / "audiences"

    @property
    def exports(self) -> Path:
        """Folder with files of audiences' users, kept for a few days."""
        return self.path / "exports"

    @property
    def ended(self) -> Path:
        """Runs that this party declined, or that failed while it was in them."""
        return self.path / "ended.jsonl"

    @property
    def api_lock(self) -> Path:
        """Held by the query API that serves this folder."""
        return self.path / "api.lock"

    @property
    def lock(self) -> Path:
        """Held by the node that works in this folder."""
        return self.path / "node.lock"

    def create(self) -> None:
        """Write commented settings; ConfigError where the folder is a party's already.

        A policy that lies there is somebody's own and stays as it is.
        """
        if self.settings_file.exists():
            raise ConfigError(
                f"{self.settings_file} exists already", hint="edit it, or name another folder with --folder"
            )
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError(f"{self.path} is not a folder", hint="name another with --folder")
        with all_or_nothing(self.policy_file, self.settings_file):
            # Vectors of users, tables and keys come to lie in it; a folder that was there is somebody's own.
            with explain_os_error(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.path.mkdir(mode=0o700, exist_ok=True)
            if not self.policy_file.exists():
                write_text(self.policy_file, render_policy_toml())
            # The settings come last: they are what makes a folder a party's.
            write_text(self.settings_file, render_party_toml())

    def require(self) -> None:
        """Raise ConfigError where the folder is not a party's."""
        if self.settings_file.is_file():
            return
        raise ConfigError(
            f"{self.path} is not a party's folder: it has no {self.settings_file.name}",
            hint="run `feddmf party init`, or name the folder with --folder",
        )

    def settings(self) -> PartySettings:
        """Read party.toml, with table paths resolved against the folder."""
        self.require()
        return load_toml(self.settings_file, PartySettings).relative_to(self.path)

    def policy(self) -> Policy:
        """Read policy.toml; without one, the defaults hold."""
        # A link to a policy that has gone must not open what that policy closed.
        there = self.policy_file.exists() or self.policy_file.is_symlink()
        return load_toml(self.policy_file, Policy) if there else Policy()
