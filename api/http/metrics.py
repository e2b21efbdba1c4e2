"""Prometheus metrics, summed over all worker processes.

prometheus_client reads PROMETHEUS_MULTIPROC_DIR when it is imported. `api.serve` sets that variable before
it starts the workers; import this module only afterwards.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    values,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from analytics.follower.lag import Lag
from analytics.webhooks.status import WebhookStatus
from api.http.metrics_dir import ProcessName, workers_folder
from audit.self_audit.status import AuditStatus
from database.task_failures import TaskFailure

CONTENT_TYPE = CONTENT_TYPE_LATEST

if folder := workers_folder():
    # By default the files have the name of the process id, and each restart of a worker adds files.
    values.ValueClass = values.MultiProcessValue(ProcessName(folder))  # type: ignore[no-untyped-call]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

_REQUESTS = Counter("seatledger_http_requests", "HTTP requests answered", ["method", "route", "status"])
_SECONDS = Histogram(
    "seatledger_http_request_seconds", "Duration of HTTP requests", ["method", "route"], buckets=_BUCKETS
)
_LIMITED = Counter(
    "seatledger_callers_limited", "Callers that met a limit, each at most once a minute", ["limit"]
)
_LIMITED_BY = {name: _LIMITED.labels(name) for name in ("commands", "streams", "unpaid_seats")}


def count_limited(limit: str) -> None:
    _LIMITED_BY[limit].inc()


def observe(method: str, route: str, status: int, seconds: float) -> None:
    requests, duration = _series(method if method in _METHODS else "other", route, status)
    requests.inc()
    duration.observe(seconds)


def exposition(
    position: int,
    queued: int,
    lags: Sequence[Lag] = (),
    self_audit: AuditStatus | None = None,
    failures: Sequence[TaskFailure] = (),
    webhooks: WebhookStatus | None = None,
) -> bytes:
    """Render the exposition format: counters of all workers, and ledger gauges read by this worker."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    ledger = CollectorRegistry()
    ledger.register(_LedgerGauges(position, queued, lags, self_audit, failures, webhooks))
    return bytes(generate_latest(registry) + generate_latest(ledger))


_LAGS: tuple[tuple[str, str, Callable[[Lag], float]], ...] = (
    ("lag_events", "Events in the log that the analytics projection has not applied", lambda lag: lag.events),
    ("lag_seconds", "Age of the oldest event that the projection has not applied", lambda lag: lag.seconds),
    ("parked", "1 if the projection is stopped at an event that it cannot apply", lambda lag: lag.is_parked),
)


_AUDIT: tuple[tuple[str, str, Callable[[AuditStatus], float]], ...] = (
    ("divergent", "1 if views differ from the log", lambda now: not now.ok),
    ("age_seconds", "Seconds since the last full self-audit ended", lambda now: now.age_seconds),
    ("rows", "Rows compared in the last full self-audit", lambda now: now.rows),
)


_WEBHOOKS: tuple[tuple[str, str, Callable[[WebhookStatus], float]], ...] = (
    ("enabled", "Webhooks that are enabled", lambda now: now.webhooks),
    ("lag_events", "Events in the log that are not queued for webhooks", lambda now: now.lag_events),
    ("lag_seconds", "Age of the oldest event that is not queued for webhooks", lambda now: now.lag_seconds),
    ("waiting", "Deliveries of webhooks that wait for an attempt", lambda now: now.waiting),
    ("oldest_seconds", "Age of the oldest delivery that waits", lambda now: now.oldest_seconds),
    ("parked", "Deliveries that were given up and not replayed", lambda now: now.parked),
    ("gone", "Webhooks that their receiver's answer 410 disabled", lambda now: now.gone),
)


def _webhook_figures(now: WebhookStatus) -> Iterator[Metric]:
    for name, text, of in _WEBHOOKS:
        yield GaugeMetricFamily(f"ledger_webhooks_{name}", text, of(now))
    attempts = CounterMetricFamily(
        "ledger_webhook_attempts", "Attempts to deliver to webhooks, by result", labels=["result"]
    )
    attempts.add_metric(["taken"], now.delivered_total)
    attempts.add_metric(["failed"], now.failed_total)
    yield attempts
    yield CounterMetricFamily(
        "ledger_webhooks_given_up", "Deliveries that were given up", value=now.parked_total
    )


class _LedgerGauges:
    def __init__(
        self,
        position: int,
        queued: int,
        lags: Sequence[Lag],
        self_audit: AuditStatus | None,
        failures: Sequence[TaskFailure],
        webhooks: WebhookStatus | None,
    ) -> None:
        self._position = position
        self._queued = queued
        self._lags = lags
        self._self_audit = self_audit
        self._failures = failures
        self._webhooks = webhooks

    def collect(self) -> Any:
        yield GaugeMetricFamily("ledger_position", "Position of the last event in the log", self._position)
        yield GaugeMetricFamily("ledger_commands_queued", "Commands queued in this worker", self._queued)
        for name, text, measure in _LAGS:
            gauge = GaugeMetricFamily(f"ledger_projection_{name}", text, labels=["projection"])
            for lag in self._lags:
                gauge.add_metric([lag.projection], measure(lag))
            yield gauge
        if self._self_audit:
            for name, text, of in _AUDIT:
                yield GaugeMetricFamily(f"ledger_self_audit_{name}", text, of(self._self_audit))
        counter = CounterMetricFamily(
            "ledger_task_failures", "Failures of the scheduler's tasks", labels=["task"]
        )
        failing = GaugeMetricFamily("ledger_task_failing", "1 if the task fails now", labels=["task"])
        for failure in self._failures:
            counter.add_metric([failure.task], failure.failures)
            failing.add_metric([failure.task], failure.is_current)
        yield from (counter, failing)
        if self._webhooks:
            yield from _webhook_figures(self._webhooks)


@lru_cache(4096)
def _series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return _REQUESTS.labels(method, route, str(status)), _SECONDS.labels(method, route)
