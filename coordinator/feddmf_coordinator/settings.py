"""The coordinator's folder and its settings file, coordinator.toml."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from feddmf.config import Settings, load_toml
from feddmf.errors import ConfigError
from feddmf.identity import FEDERATION_PATTERN
from feddmf.settings_file import render_settings
from feddmf.telemetry.settings import LoggingSettings, MetricsSettings
from feddmf_coordinator.limits import LimitSettings

__all__ = ["CoordinatorFolder", "CoordinatorSettings", "Host", "render_toml"]

SETTINGS_FILE = "coordinator.toml"
_HOST_NAME = re.compile(
    r"^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$"
)


def _check_host(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        if not _HOST_NAME.fullmatch(value):
            raise ValueError("neither a host name nor an IP address") from None
    return value


Host = Annotated[str, AfterValidator(_check_host)]
FederationName = Annotated[str, StringConstraints(pattern=FEDERATION_PATTERN)]


class CoordinatorSettings(Settings):
    """A whole coordinator.toml."""

    federation: FederationName = Field(
        description="Name of the federation: lower-case letters, digits and hyphens. Certificates carry it."
    )
    hosts: tuple[Host, ...] = Field(
        ("localhost", "127.0.0.1"),
        min_length=1,
        max_length=32,
        description="Names and addresses that the server certificate holds; invitations name the first.",
    )
    listen: Host = Field("127.0.0.1", description="Address that both ports listen on; 0.0.0.0 for all.")
    port: int = Field(8470, ge=1, le=65_535, description="Federation port; it demands a client certificate.")
    enrolment_port: int = Field(
        8471, ge=1, le=65_535, description="Enrolment port; open only while somebody is invited."
    )
    database: str | None = Field(
        None,
        description="Database URL; without it, a SQLite file in this folder.",
        examples=["sqlite:////path/to/coordinator.db"],
    )
    party_certificate_days: int = Field(
        90, ge=1, le=825, description="Days that a party's certificate is valid."
    )
    server_certificate_days: int = Field(
        365, ge=1, le=825, description="Days that the server's certificate is valid."
    )
    authority_days: int = Field(
        3650, ge=30, le=10_950, description="Days that the federation's root certificate is valid."
    )
    invite_hours: int = Field(
        72, ge=1, le=720, description="Hours that an invitation holds, and then a request for approval."
    )
    enrolment_poll_s: float = Field(
        2.0, gt=0, le=60, description="Seconds between looks for invitations that open the enrolment port."
    )
    limits: LimitSettings = Field(LimitSettings(), description="How much the coordinator takes on at once.")
    checkpoint_s: float = Field(
        60.0,
        ge=0,
        le=86_400,
        description="Seconds after which the state of a run is kept again; its rounds are kept at once.",
    )
    metrics: MetricsSettings = Field(
        MetricsSettings(), description="Figures of the serving process for your own monitoring."
    )
    logging: LoggingSettings = Field(
        LoggingSettings(), description="What the serving process writes on stderr."
    )

    @model_validator(mode="after")
    def _ports_differ(self) -> CoordinatorSettings:
        if self.port == self.enrolment_port:
            raise ValueError("port and enrolment_port are the same")
        return self


@dataclass(frozen=True)
class CoordinatorFolder:
    """Where the files of a coordinator are; `load` reads its settings."""

    path: Path

    @property
    def settings_file(self) -> Path:
        """Settings, and the sign that a folder is a coordinator's."""
        return self.path / SETTINGS_FILE

    @property
    def root_certificate(self) -> Path:
        """The federation's root certificate, PEM; public."""
        return self.path / "root.pem"

    @property
    def authority_key(self) -> Path:
        """The root's key, PEM, encrypted; only `init`, `approve`, `renew` and `renewals` read it."""
        return self.path / "ca" / "key.pem"

    @property
    def passphrase_file(self) -> Path:
        """The generated passphrase of the root's key, until the operator moves it elsewhere."""
        return self.path / "ca" / "passphrase"

    @property
    def operator_token(self) -> Path:
        """The first operator's token, readable by its owner alone; the others keep theirs elsewhere."""
        return self.path / "operator" / "token"

    @property
    def server_key(self) -> Path:
        """The server's key, PEM, readable by its owner alone."""
        return self.path / "server" / "key.pem"

    @property
    def server_certificate(self) -> Path:
        """The server's certificate, PEM."""
        return self.path / "server" / "certificate.pem"

    @property
    def invitations(self) -> Path:
        """Folder that `invite` writes invitation files into."""
        return self.path / "invites"

    @property
    def ledger(self) -> Path:
        """What parties told of their ledgers, and digests of what they sent; signed by the server."""
        return self.path / "ledger.jsonl"

    @property
    def rounds(self) -> Path:
        """Folder of what is kept of runs under way."""
        return self.path / "rounds"

    @property
    def serving_lock(self) -> Path:
        """Held by the process that serves this folder."""
        return self.path / "serving.lock"

    @property
    def backups(self) -> Path:
        """Folder that `upgrade` writes backups into."""
        return self.path / "backups"

    @property
    def database_file(self) -> Path:
        """The SQLite file that is used when coordinator.toml names no database."""
        return self.path / "coordinator.db"

    def load(self) -> CoordinatorSettings:
        """Read the settings; ConfigError where the folder is not a coordinator's or a key is wrong."""
        if not self.settings_file.is_file():
            raise ConfigError(
                f"{self.path} is not a coordinator's folder: it has no {SETTINGS_FILE}",
                hint="run `feddmf coordinator init`, or name the folder with --folder",
            )
        return load_toml(self.settings_file, CoordinatorSettings)

    def database_url(self, settings: CoordinatorSettings) -> str:
        """Return the URL of the database: the one that `settings` names, else the SQLite file here."""
        return settings.database or f"sqlite:///{self.database_file.absolute()}"


def render_toml(settings: CoordinatorSettings) -> str:
    """Return `settings` as a commented TOML file.

    A key that stands at its default is commented out, so that a later default reaches this folder too.
    """
    fields = CoordinatorSettings.model_fields
    given = {name: value for name, value in settings if value != fields[name].default}
    return render_settings(CoordinatorSettings, given, intro="Settings of a FedDMF coordinator.")
