"""The coordinator's metrics. Their labels name parties, runs and protocols, and nothing that parties keep."""

from __future__ import annotations

from feddmf.telemetry.metrics import Kind, Metric

__all__ = [
    "BYTES_RECEIVED",
    "BYTES_SENT",
    "CALLS",
    "CALLS_REFUSED",
    "CALLS_UNDER_WAY",
    "CERTIFICATE_END",
    "COMBINE_SECONDS",
    "COSINE",
    "DATABASE_UP",
    "DISK_FREE",
    "HELD_BYTES",
    "INFO",
    "LEDGER_RECORDS",
    "METRICS",
    "PARTY_LEDGER_RECORDS",
    "PAYLOADS_REFUSED",
    "PROBE_COSINE",
    "ROUNDS",
    "ROUND_SECONDS",
    "RUNS",
    "RUNS_ENDED",
    "RUN_ROUNDS",
    "SERVER_CERTIFICATE_END",
    "SESSIONS",
]

_RUN = ("run", "protocol")

INFO = Metric(
    "feddmf_coordinator_info",
    Kind.GAUGE,
    "1, with the federation and the version of the software.",
    ("federation", "version"),
)
SESSIONS = Metric(
    "feddmf_coordinator_sessions", Kind.GAUGE, "Runs that this process serves at this moment, by protocol.",
    ("protocol",),
)  # fmt: skip
RUNS = Metric(
    "feddmf_coordinator_runs",
    Kind.GAUGE,
    "Runs in the database by state; those that are submitted are the queue.",
    ("state",),
    read=True,
)
RUNS_ENDED = Metric(
    "feddmf_coordinator_runs_ended_total",
    Kind.COUNTER,
    "Runs that ended in this process, by how and, where one failed, by the kind of its error.",
    ("protocol", "state", "reason"),
)
RUN_ROUNDS = Metric(
    "feddmf_coordinator_run_rounds", Kind.GAUGE, "Rounds that a run has at most, over all its phases.", _RUN
)
ROUNDS = Metric(
    "feddmf_coordinator_rounds_total",
    Kind.COUNTER,
    "Rounds that were combined and answered.",
    (*_RUN, "phase"),
)
ROUND_SECONDS = Metric(
    "feddmf_coordinator_round_seconds",
    Kind.HISTOGRAM,
    "Time from the end of one round to the end of the next: training, transfers and combination.",
    ("protocol", "phase"),
)
COMBINE_SECONDS = Metric(
    "feddmf_coordinator_combine_seconds",
    Kind.HISTOGRAM,
    "Time in which a round's contributions were combined.",
    ("protocol", "phase"),
)
COSINE = Metric(
    "feddmf_coordinator_alignment_cosine",
    Kind.GAUGE,
    "Mean cosine between matched vectors of different parties in the last round that measured it.",
    _RUN,
)
PROBE_COSINE = Metric(
    "feddmf_coordinator_probe_cosine",
    Kind.GAUGE,
    "The same of probe items, which are never aligned.",
    _RUN,
)
BYTES_RECEIVED = Metric(
    "feddmf_coordinator_received_bytes_total", Kind.COUNTER, "Bytes of contributions to rounds.", _RUN
)
BYTES_SENT = Metric("feddmf_coordinator_sent_bytes_total", Kind.COUNTER, "Bytes of replies of rounds.", _RUN)
PAYLOADS_REFUSED = Metric(
    "feddmf_coordinator_payloads_refused_total",
    Kind.COUNTER,
    "Runs that failed because of what a party sent: `schema` for arrays outside what was declared, `conduct` "
    "for the rest, such as two different contributions to one round, or vectors that do not follow.",
    ("party", "protocol", "reason"),
)
CALLS = Metric(
    "feddmf_coordinator_calls_total",
    Kind.COUNTER,
    "Calls of enrolled parties that were admitted; `Hello` counts how often each connected.",
    ("party", "method"),
)
CALLS_REFUSED = Metric(
    "feddmf_coordinator_calls_refused_total",
    Kind.COUNTER,
    "Calls that were turned away or ended with an error, by its kind: `Refused` for callers that nobody "
    "admits, `Busy` for one call too many of a party.",
    ("reason",),
)
CALLS_UNDER_WAY = Metric(
    "feddmf_coordinator_calls_under_way", Kind.GAUGE, "Calls that are served at this moment.", read=True
)
HELD_BYTES = Metric(
    "feddmf_coordinator_held_bytes",
    Kind.GAUGE,
    "Bytes that are taken of `[limits] memory_mib`: open rounds with contributions that have yet to come, "
    "the replies of the last rounds, and what came of calls that were cut.",
    read=True,
)
LEDGER_RECORDS = Metric(
    "feddmf_coordinator_ledger_records", Kind.GAUGE, "Records of the coordinator's own ledger.", read=True
)
PARTY_LEDGER_RECORDS = Metric(
    "feddmf_coordinator_party_ledger_records",
    Kind.GAUGE,
    "Length of the longest ledger that a party has told.",
    ("party",),
    read=True,
)
CERTIFICATE_END = Metric(
    "feddmf_coordinator_party_certificate_end_seconds",
    Kind.GAUGE,
    "When the certificate of an enrolled party ends, in seconds since 1970.",
    ("party",),
    read=True,
)
SERVER_CERTIFICATE_END = Metric(
    "feddmf_coordinator_certificate_end_seconds",
    Kind.GAUGE,
    "When the server's own certificate ends, in seconds since 1970.",
    read=True,
)
DATABASE_UP = Metric(
    "feddmf_coordinator_database_up", Kind.GAUGE, "Whether the database answers: 1 or 0.", read=True
)
DISK_FREE = Metric(
    "feddmf_coordinator_disk_free_bytes",
    Kind.GAUGE,
    "Free space where the folder is.",
    read=True,
)

METRICS = (
    *(INFO, SESSIONS, RUNS, RUNS_ENDED, RUN_ROUNDS, ROUNDS, ROUND_SECONDS, COMBINE_SECONDS),
    *(COSINE, PROBE_COSINE, BYTES_RECEIVED, BYTES_SENT, PAYLOADS_REFUSED),
    *(CALLS, CALLS_REFUSED, CALLS_UNDER_WAY, HELD_BYTES, LEDGER_RECORDS, PARTY_LEDGER_RECORDS),
    *(CERTIFICATE_END, SERVER_CERTIFICATE_END, DATABASE_UP, DISK_FREE),
)
