"""Every address that shows something is measured at each size of the fleet, or is said not to be, and why."""

from __future__ import annotations

from tests.benchmarks.views import NOT_MEASURED, VIEWS
from tests.pages.office import Office


def test_every_route_that_is_read_is_measured_or_says_why_not(office: Office) -> None:
    routes = {rule.rule for rule in office.app.url_map.iter_rules() if "GET" in (rule.methods or ())}

    assert VIEWS.keys() | NOT_MEASURED.keys() == routes
    assert not VIEWS.keys() & NOT_MEASURED.keys()
