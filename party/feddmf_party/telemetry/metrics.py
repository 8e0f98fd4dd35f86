"""The party's metrics: what its node does, and nothing of its users, its items or its tables."""

from __future__ import annotations

from feddmf.telemetry.metrics import Kind, Metric

__all__ = [
    "BUDGET_EPSILON",
    "BYTES_SENT",
    "CERTIFICATE_END",
    "CONNECTED",
    "COSINE",
    "DISK_FREE",
    "EXCHANGE_SECONDS",
    "INFO",
    "LEDGER_RECORDS",
    "METRICS",
    "RECONNECTS",
    "ROUNDS",
    "ROUND_SECONDS",
    "RUNS_ENDED",
    "RUN_ROUNDS",
    "RUN_ROUNDS_DONE",
    "SPENT_EPSILON",
]

_RUN = ("run", "protocol")

INFO = Metric(
    "feddmf_party_info",
    Kind.GAUGE,
    "1, with the federation and the version of the software.",
    ("federation", "version"),
)
CONNECTED = Metric("feddmf_party_connected", Kind.GAUGE, "Whether the coordinator answers: 1 or 0.")
RECONNECTS = Metric(
    "feddmf_party_reconnects_total", Kind.COUNTER, "Times that the coordinator was away and answered again."
)
RUNS_ENDED = Metric(
    "feddmf_party_runs_ended_total",
    Kind.COUNTER,
    "Runs that this node finished, failed in or declined; reason: the kind of the error, `PolicyError` for "
    "what the party's own policy refused.",
    ("state", "reason"),
)
RUN_ROUNDS = Metric(
    "feddmf_party_run_rounds", Kind.GAUGE, "Rounds that a run has at most, over all its phases.", _RUN
)
RUN_ROUNDS_DONE = Metric(
    "feddmf_party_run_rounds_done", Kind.GAUGE, "Rounds of a run that are over, also before a restart.", _RUN
)
ROUNDS = Metric(
    "feddmf_party_rounds_total", Kind.COUNTER, "Rounds that this node took part in.", (*_RUN, "phase")
)
ROUND_SECONDS = Metric(
    "feddmf_party_round_seconds",
    Kind.HISTOGRAM,
    "Time from the end of one round to the end of the next: training and exchange.",
    ("protocol", "phase"),
)
EXCHANGE_SECONDS = Metric(
    "feddmf_party_exchange_seconds",
    Kind.HISTOGRAM,
    "The part of a round in which its contribution travelled, peers were waited for, and the reply came.",
    ("protocol", "phase"),
)
COSINE = Metric(
    "feddmf_party_alignment_cosine",
    Kind.GAUGE,
    "Mean cosine of this party's matched vectors to their last targets.",
    _RUN,
)
BYTES_SENT = Metric(
    "feddmf_party_sent_bytes", Kind.GAUGE, "Bytes of contributions to a run that its ledger has so far.", _RUN
)
LEDGER_RECORDS = Metric("feddmf_party_ledger_records", Kind.GAUGE, "Records of the egress ledger.", read=True)
SPENT_EPSILON = Metric(
    "feddmf_party_privacy_spent_epsilon", Kind.GAUGE, "Epsilon that all private runs have spent.", read=True
)
BUDGET_EPSILON = Metric(
    "feddmf_party_privacy_left_epsilon",
    Kind.GAUGE,
    "Epsilon that the policy leaves for private runs to come.",
    read=True,
)
CERTIFICATE_END = Metric(
    "feddmf_party_certificate_end_seconds",
    Kind.GAUGE,
    "When the party's certificate ends, in seconds since 1970.",
    read=True,
)
DISK_FREE = Metric("feddmf_party_disk_free_bytes", Kind.GAUGE, "Free space where the folder is.", read=True)

METRICS = (
    *(INFO, CONNECTED, RECONNECTS, RUNS_ENDED, RUN_ROUNDS, RUN_ROUNDS_DONE, ROUNDS),
    *(ROUND_SECONDS, EXCHANGE_SECONDS, COSINE, BYTES_SENT),
    *(LEDGER_RECORDS, SPENT_EPSILON, BUDGET_EPSILON, CERTIFICATE_END, DISK_FREE),
)
