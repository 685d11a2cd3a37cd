"""What Prometheus may know of this process: counts and times, never a name or an id."""

from __future__ import annotations

import time

from flask import Flask, Response, current_app, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest

_EXTENSION = "curfew_metrics"


class Metrics:
    """The counters of one application; two applications in one process do not mix theirs."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "curfew_requests", "Requests answered", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "curfew_request_seconds", "Time to answer a request", ("route",), registry=self.registry
        )
        self.reports = Counter(
            "curfew_reports",
            "Reports received, by what became of them",
            ("status", "code"),
            registry=self.registry,
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
    route = request.url_rule.rule if request.url_rule else "unknown"
    counters.requests.labels(request.method, route, str(response.status_code)).inc()
    if "metrics_started_s" in g:
        counters.seconds.labels(route).observe(time.perf_counter() - g.metrics_started_s)
    return response


def _serve() -> Response:
    return Response(generate_latest(metrics(current_app).registry), content_type=CONTENT_TYPE_LATEST)
