"""FedDMF: cross-company attribute prediction by federated deep matrix factorization (Cheung, FedDMF)."""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("feddmf")
