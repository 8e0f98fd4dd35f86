"""What `feddmf doctor` looks at in a party's folder and on the way to the coordinator."""

from feddmf_party.doctor.whole import examine

__all__ = ["examine"]
