"""What a table was when it was read: a digest of all that its codes and pairs depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from feddmf_party.data.settings import AttributeTableSettings, InteractionsSettings, SourceSettings

__all__ = ["LEAST_BYTES", "Origin"]

LEAST_BYTES = 1 << 20
"""A smaller file is read as fast as it is looked for."""

_VERSION = 2  # of what is kept and of how tables are read
_WHERE = {"path", "url", "table", "query", "cache_query"}


@dataclass(frozen=True)
class Origin:
    """The tables at one moment.

    key: hex, of their content and of the settings and item ids that they are read with. stats: of each file
    the size, times and inode, which tell whether it was written to since.
    """

    key: str
    stats: tuple[tuple[Path, tuple[int, ...]], ...]

    @classmethod
    def of(
        cls,
        settings: InteractionsSettings,
        item_ids: Sequence[str],
        attributes: AttributeTableSettings | None,
        *,
        least_bytes: int = LEAST_BYTES,
    ) -> Origin | None:
        """Return the origin of what is read now, None where nothing is to be kept of it.

        That is: of a small file, of a database without `cache_query`, and of a file that cannot be read, of
        which the reader will speak. Files are known by all of their content: size and times can be those of
        another. Errors of a database as `read_records`.
        """
        path = settings.path
        sources: list[SourceSettings] = [settings] if attributes is None else [settings, attributes]
        try:
            if path is not None and path.stat().st_size < least_bytes:
                return None
            if any(each.path is None and each.cache_query is None for each in sources):
                return None
            stats = tuple((each.path, _stat(each.path)) for each in sources if each.path is not None)
            states = [_state(each) for each in sources]
        except OSError:
            return None
        listed = hashlib.sha256()
        for item in item_ids:
            listed.update(f"{len(item.encode())}:{item}".encode())
        parts = [
            [_VERSION, listed.hexdigest()],
            *([each.model_dump(mode="json", exclude=_WHERE) for each in sources]),
            *states,
        ]
        return cls(hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest(), stats)

    @property
    def unchanged(self) -> bool:
        """Whether no file was written to since."""
        try:
            return all(_stat(path) == stat for path, stat in self.stats)
        except OSError:
            return False


def _state(settings: SourceSettings) -> list[str | None]:
    if settings.path is not None:
        with settings.path.open("rb") as file:
            return [settings.path.suffix.lower(), hashlib.file_digest(file, "sha256").hexdigest()]
    # Only where there is a database need its drivers be there.
    from feddmf_party.data.databases import state_of

    url = hashlib.sha256(settings.full_url().encode()).hexdigest()
    return [url, settings.table, settings.query, settings.cache_query, state_of(settings)]


def _stat(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
