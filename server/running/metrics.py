"""What Prometheus may know: counts and times, never a name or an id.

What this server has done is counted, by all its workers together; what stands is computed when it is asked for.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter as Tally
from collections.abc import Container, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import structlog
from flask import Flask, Response, current_app, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    values,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy.orm import Session

from certs.errors import BundleFault
from server.config import fingerprint_of_shared
from server.context import context
from server.errors import StorageUnavailable
from server.evidence import alarms
from server.fleet.counts import fleet_counts, oldest_check_at
from server.policies import bundles
from server.stations import stations
from server.stations.refused_bundles import open_refusals
from server.storage.database import clock_of

_EXTENSION = "curfew_metrics"
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_FRESH_S = 60.0
"""For so long what stands is not computed again: anybody may ask."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_FAULTS = frozenset(fault.value for fault in BundleFault)
_OTHER = "other"
"""Stands for whatever a client invents: each value of a label is a row in memory for as long as the server runs."""

_log = structlog.get_logger()


def count_together(folder: Path) -> None:
    """Let this process count into `folder`, as its sister workers do: whichever is asked answers for all of them.

    To be called before the application is made. The library looks at the variable when it is imported, which is too
    early in a forked worker; so it is told here (its manual: "Multiprocess Mode").
    """
    os.environ[_FOLDER] = str(folder)
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]


class Metrics:
    """The counters of one application; two applications in one process do not mix theirs."""

    def __init__(self) -> None:
        # Two registries: what is counted here stands in the workers' files as well, and would be told twice.
        counted = CollectorRegistry()
        self.requests = Counter(
            "curfew_requests", "Requests answered", ("method", "route", "status"), registry=counted
        )
        self.seconds = Histogram(
            "curfew_request_seconds", "Time to answer a request", ("route",), registry=counted
        )
        self.reports = Counter(
            "curfew_reports",
            "Reports received, by what became of them",
            ("status", "code"),
            registry=counted,
        )
        self.exposed = CollectorRegistry()
        if _FOLDER in os.environ:
            MultiProcessCollector(self.exposed, path=os.environ[_FOLDER])  # type: ignore[no-untyped-call]
        else:
            self.exposed.register(counted)
        self.exposed.register(_Standing())

    def count_request(self, method: str, route: str, status: int, took_s: float | None) -> None:
        """Count one request, whichever way it was answered."""
        self.requests.labels(_of(_METHODS, method), route, str(status)).inc()
        if took_s is not None:
            self.seconds.labels(route).observe(took_s)


class _Standing:
    """What stands now, from the database: the same whichever worker is asked. Needs an application's context."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._computed: tuple[float, Sequence[Metric]] | None = None

    def describe(self) -> Iterable[Metric]:
        """Say nothing when registered: there is no database yet."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return the gauges, at most a minute old."""
        # Whoever asks while somebody computes waits for the outcome instead of asking once more.
        with self._lock:
            if self._computed is None or time.monotonic() - self._computed[0] > _FRESH_S:
                self._computed = (time.monotonic(), _gauges_or_silence())
            return self._computed[1]


def _gauges_or_silence() -> Sequence[Metric]:
    answers = GaugeMetricFamily("curfew_database_answers", "1 if the database could be asked just now")
    try:
        with context().database.reading() as session:
            found = [*_fleet(session), *_authority(session), *_node(session)]
    except StorageUnavailable as error:
        # The scrape goes on: its counters need no database.
        _log.warning("standing_not_known", reason=str(error))
        answers.add_metric([], 0)
        return (answers,)
    answers.add_metric([], 1)
    return (answers, *found)


def _fleet(session: Session) -> Iterable[Metric]:
    counts = fleet_counts(session, bundles.situation(session, context().clock.now()))
    phones = GaugeMetricFamily("curfew_phones", "Phones by their standing now", labels=("standing",))
    for standing, count in counts.by_standing.items():
        phones.add_metric([standing.value], count)
    yield phones
    # Left out before the first check: 0 would be one of 1970.
    oldest = oldest_check_at(session)
    if oldest is not None:
        yield GaugeMetricFamily(
            "curfew_oldest_check_timestamp_seconds",
            "When the oldest latest check was made, of phones whose owners agreed",
            oldest.timestamp(),
        )


def _authority(session: Session) -> Iterable[Metric]:
    open_alarms = GaugeMetricFamily("curfew_alarms_open", "Alarms that wait for a person", labels=("kind",))
    for kind, count in alarms.open_counts(session).items():
        open_alarms.add_metric([kind.value], count)
    yield open_alarms
    refused = GaugeMetricFamily(
        "curfew_refusals_open", "Stations that refuse a bundle, by their reason", labels=("code",)
    )
    for code, count in Tally(_of(_FAULTS, one.refusal.code) for one in open_refusals(session)).items():
        refused.add_metric([code], count)
    yield refused
    in_service = stations.count_in_service(session)
    yield GaugeMetricFamily("curfew_stations", "Stations in service", in_service)
    current = next((bundle for bundle in bundles.bundles(session) if bundle.current), None)
    if current is not None:
        yield GaugeMetricFamily("curfew_bundle_number", "Number of the bundle in force", current.number)
        yield GaugeMetricFamily(
            "curfew_signatures_expire_timestamp_seconds",
            "When the approvers' signatures of the bundle in force end",
            current.expires.timestamp(),
        )


def _node(session: Session) -> Iterable[Metric]:
    shared = GaugeMetricFamily(
        "curfew_shared_settings",
        "1; its label is the same on all servers that have the same secrets, keys and address",
        labels=("fingerprint",),
    )
    shared.add_metric([fingerprint_of_shared(context().config)], 1)
    yield shared
    yield GaugeMetricFamily(
        "curfew_clock_ahead_of_database_seconds",
        "How far this server's clock is ahead of its database's, which all servers share",
        (datetime.now(UTC) - clock_of(session)).total_seconds(),
    )


def count_requests(app: Flask) -> None:
    """Count every request of `app` and serve the counts at ``/metrics``."""
    app.extensions[_EXTENSION] = Metrics()
    app.before_request(_start)
    app.after_request(_count)
    app.add_url_rule("/metrics", "metrics", _serve)


def metrics(app: Flask) -> Metrics:
    """Return the counters of `app`."""
    found: Metrics = app.extensions[_EXTENSION]
    return found


def _start() -> None:
    g.metrics_started_s = time.perf_counter()


def _count(response: Response) -> Response:
    counters = metrics(current_app)
    # The pattern of the route, of which there are a few; a path is whatever the client makes up.
    route = request.url_rule.rule if request.url_rule else "unknown"
    took_s = time.perf_counter() - g.metrics_started_s if "metrics_started_s" in g else None
    counters.count_request(request.method, route, response.status_code, took_s)
    return response


def _of(known: Container[str], found: str) -> str:
    return found if found in known else _OTHER


def _serve() -> Response:
    return Response(generate_latest(metrics(current_app).exposed), content_type=CONTENT_TYPE_LATEST)
