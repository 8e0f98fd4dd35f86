"""The rows of a file or of a database alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from feddmf.progress import NOBODY, Progress, Tally
from feddmf_party.data.settings import SourceSettings
from feddmf_party.data.tables import BLOCK_BYTES, ROW_BYTES, Batch, numbered, read_batches

__all__ = ["read_source"]

_PLAIN_FROM = 1 << 24  # bytes; a smaller CSV is read before the compiled kernels are loaded


def read_source(
    settings: SourceSettings,
    columns: Sequence[str],
    *,
    block_bytes: int = BLOCK_BYTES,
    progress: Progress = NOBODY,
) -> Iterator[Batch]:
    """Yield the `columns` in batches of about `block_bytes`; errors as `read_batches` and `read_records`.

    progress: hears how much of a file, or how many rows of a database, have been read.
    """
    if settings.path is not None:
        yield from read_batches(
            settings.path,
            columns,
            table_format=settings.format,
            block_bytes=block_bytes,
            plain_from=_PLAIN_FROM,
            progress=progress,
        )
        return
    # The drivers are an extra of their own.
    from feddmf_party.data.databases import read_records

    records = read_records(settings, columns, max(1, block_bytes // ROW_BYTES))
    tally = Tally(progress, None, f"rows of {settings.source} read")
    for batch in numbered(settings.source, records, columns, hint="name a table or query that has rows"):
        yield batch
        tally.add(batch.rows)
