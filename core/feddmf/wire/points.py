"""Points of a matching as they come in: as many as their header says, within bounds."""

from __future__ import annotations

from feddmf.errors import PayloadError
from feddmf.matching import POINTS
from feddmf.payload import Axis
from feddmf.wire.codec import PayloadDecoder
from feddmf.wire.payload_pb2 import PayloadHeader

__all__ = ["fed_points"]


def fed_points(
    decoder: PayloadDecoder | None, part: PayloadHeader | memoryview, *, most: int
) -> PayloadDecoder:
    """Return `decoder`, or a new one for the first part, once it has taken in `part`.

    PayloadError where the first part is no header, or declares none or over `most`; and as its decoder's.
    """
    if decoder is None:
        rows = sum(each.rows for each in part.arrays) if isinstance(part, PayloadHeader) else 0
        if not 1 <= rows <= most:
            raise PayloadError(
                f"points of {rows} items, where 1 to {most} may come",
                hint="match fewer items at once, or raise max_matching_items in policy.toml",
            )
        decoder = PayloadDecoder(POINTS, {Axis.BLINDED_ITEMS: rows})
    decoder.feed(part)
    return decoder
