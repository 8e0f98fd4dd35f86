"""What `feddmf doctor` looks at in a coordinator's folder."""

from feddmf_coordinator.doctor.whole import examine

__all__ = ["examine"]
