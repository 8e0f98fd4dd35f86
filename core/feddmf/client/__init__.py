"""`feddmf.client`: a party's query API from notebooks and scripts, answered in pandas frames.

    from feddmf.client import Client

    north = Client("http://127.0.0.1:8480", token)
    north.attributes(search="pen")
    north.audience("PEN-3", size=500)

It needs httpx and pandas: `pip install 'feddmf[client]'`.
"""

from feddmf.errors import InputError

try:
    from feddmf.client.asking import Client
except ModuleNotFoundError as error:
    raise InputError(
        f"this installation lacks {error.name}, which feddmf.client needs",
        hint="pip install 'feddmf[client]'",
    ) from error

__all__ = ["Client"]
