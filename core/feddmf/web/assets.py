"""Styles and scripts that pages need, from this package alone: nothing is fetched from elsewhere."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

__all__ = ["ASSETS", "asset_path", "router"]

ASSETS = "/assets/"
"""Where they are; open to all, since the page to sign in at needs them."""

# Each file that there is, and what it is; vendor/ holds other people's, with their licences.
_MEDIA = MappingProxyType(
    {
        "static/app.css": "text/css; charset=utf-8",
        "static/app.js": "text/javascript; charset=utf-8",
        "static/charts.js": "text/javascript; charset=utf-8",
        "static/theme.js": "text/javascript; charset=utf-8",
        "static/mark.svg": "image/svg+xml",
        "vendor/echarts.common.min.js": "text/javascript; charset=utf-8",
        "vendor/htmx.min.js": "text/javascript; charset=utf-8",
    }
)
# The address changes with the content.
_FOREVER = "public, max-age=31536000, immutable"

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class _Asset:
    content: bytes
    digest: str


def asset_path(name: str) -> str:
    """Return the path of an asset by its name, such as `static/app.css`; KeyError where there is none."""
    return f"{ASSETS}{_load(name).digest}/{name}"


@router.get(ASSETS + "{digest}/{name:path}", name="asset")
async def asset(digest: str, name: str) -> Response:
    """Serve one file, for good: another content has another address."""
    if name not in _MEDIA or _load(name).digest != digest:
        raise HTTPException(404, "there is no such file")
    return Response(_load(name).content, media_type=_MEDIA[name], headers={"Cache-Control": _FOREVER})


@cache
def _load(name: str) -> _Asset:
    if name not in _MEDIA:
        raise KeyError(name)
    content = files("feddmf.web").joinpath(name).read_bytes()
    return _Asset(content, hashlib.sha256(content).hexdigest()[:16])
