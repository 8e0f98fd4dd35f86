"""All that a party's doctor looks at, in order: what everything rests on first."""

from __future__ import annotations

from pathlib import Path

from feddmf.checkup import Checkup
from feddmf.cli.checking import check_disk, check_software
from feddmf.errors import ConfigError
from feddmf.progress import NOBODY, Progress
from feddmf_party.doctor.belongings import (
    check_audiences,
    check_catalogue,
    check_data,
    check_ledger,
    check_offer,
)
from feddmf_party.doctor.enrolled import check_address, check_identity, check_invitation
from feddmf_party.doctor.permissions import check_policy
from feddmf_party.doctor.way import check_way
from feddmf_party.folder import PartyFolder

__all__ = ["examine"]


def examine(where: PartyFolder, *, invitation: Path | None = None, progress: Progress = NOBODY) -> Checkup:
    """Look at a party's folder, its machine, and the way to its coordinator.

    invitation: an invitation file that has not been used yet; without it, those in the folder. progress:
    hears how much has been looked at.
    """
    checkup = Checkup(progress)
    check_software(checkup)
    if not where.settings_file.is_file():
        checkup.problem("folder", _nobodys(where.path))
        return checkup
    settings = checkup.look("folder", where.settings, lambda _: f"{where.settings_file} can be read")
    check_disk(checkup, where.path)
    identity = check_identity(checkup, where.path)
    greeting = None
    if identity is not None:
        greeting = check_way(checkup, where, identity)
    elif not check_invitation(checkup, where.path, invitation):
        check_address(checkup, where.path)
    view = check_catalogue(checkup, where, greeting)
    policy = checkup.look("policy", where.policy)
    if policy is not None:
        check_policy(checkup, policy, view)
    if settings is None:
        checkup.skip("data", until=f"{where.settings_file.name} cannot be read")
    else:
        check_data(checkup, where, settings, view, least=0 if policy is None else policy.min_users)
    check_offer(checkup, where, view)
    check_ledger(checkup, where)
    check_audiences(checkup, where)
    return checkup


def _nobodys(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} is neither a party's folder nor a coordinator's: it has neither settings file",
        hint="name the folder with --folder; a company's is made by `feddmf party init`, a coordinator's by "
        "`feddmf coordinator init NAME`",
    )
