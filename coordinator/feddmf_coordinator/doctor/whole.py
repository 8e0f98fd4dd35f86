"""All that a coordinator's doctor looks at, in order: what everything rests on first."""

from __future__ import annotations

from feddmf.checkup import Checkup
from feddmf.cli.checking import check_disk, check_software
from feddmf.progress import NOBODY, Progress
from feddmf_coordinator.doctor.keeping import check_database, check_ledger
from feddmf_coordinator.doctor.members import check_catalogue, check_operator, check_parties
from feddmf_coordinator.doctor.ports import check_names, check_ports
from feddmf_coordinator.doctor.trusted import check_authority, check_certificate
from feddmf_coordinator.settings import CoordinatorFolder

__all__ = ["examine"]


def examine(where: CoordinatorFolder, progress: Progress = NOBODY) -> Checkup:
    """Look at a coordinator's folder, its database, its ports, and where its parties stand.

    progress: hears how much has been looked at.
    """
    checkup = Checkup(progress)
    check_software(checkup)
    settings = checkup.look(
        "folder",
        where.load,
        lambda found: f"federation {found.federation}, {where.settings_file} can be read",
    )
    if settings is None:
        return checkup
    check_disk(checkup, where.path)
    check_authority(checkup, where)
    certificate = check_certificate(checkup, where)
    check_names(checkup, settings, certificate)
    check_ports(checkup, where, settings)
    database = check_database(checkup, where, settings)
    if database is None:
        checkup.skip("operator", "parties", "catalogue", until="the database cannot be used")
    else:
        with database, database.read() as connection:
            check_operator(checkup, where, connection)
            check_parties(checkup, connection)
            check_catalogue(checkup, connection)
    check_ledger(checkup, where, settings)
    return checkup
