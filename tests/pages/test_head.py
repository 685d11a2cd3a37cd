"""HEAD is answered as GET is, without the body (RFC 9110 9.3.2): on every route, to strangers and to people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from server.people.people import Role
from tests.pages.office import Office

# What the answer is made of changes with every request: the counts, and the new session's token.
MOVING = {"content-length": ("/metrics",), "set-cookie": ("/sign-in",), "date": (), "x-request-id": ()}


def addresses(office: Office, folder: Path) -> list[str]:
    """Return an address for each rule that takes GET."""
    office.publish()
    # An account may be called as a file of the trust: one address of each rule.
    office.person("1.root.json", Role.AUTHOR)
    values: dict[str, Any] = {
        "station_id": office.station("bench 1", folder / "station.pem"),
        "phone_id": office.phone(),
        "name": "1.root.json",
        "filename": "curfew.css",
        "number": 0,
        "rehearsal_id": "none",
        "draft_id": office.draft(),
        "revision": 1,
        "code": "none",
        "request_id": 1,
        "form": "csv",
    }
    adapter = office.app.url_map.bind("localhost", url_scheme="https")
    rules = [rule for rule in office.app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    assert len(rules) > 15
    return [adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments}) for rule in rules]


def heading(answer: Any, address: str) -> tuple[int, dict[str, str]]:
    moving = {name for name, where in MOVING.items() if not where or address in where}
    told = {name.lower(): value for name, value in answer.headers.items()}
    return answer.status_code, {name: value for name, value in told.items() if name not in moving}


def assert_alike(client: FlaskClient, address: str) -> None:
    # Asked twice: the first answer begins a session, or the counts of a route.
    _, asked, headed = (
        client.open(address, method=method, base_url="https://localhost") for method in ("GET", "GET", "HEAD")
    )
    assert heading(headed, address) == heading(asked, address), address
    assert headed.data == b""


@pytest.mark.parametrize("roles", [(), tuple(Role)], ids=["a stranger", "somebody with every role"])
def test_head_is_answered_as_get_is_without_the_body(
    office: Office, tmp_path: Path, roles: tuple[Role, ...]
) -> None:
    known = addresses(office, tmp_path)
    client = office.client(*roles) if roles else office.app.test_client()
    for address in (
        *known,
        "/not-there",
        "/api/v1/not-there",
        "/trust/9.root.json",
        "/sign-in?next=/bundles",
    ):
        assert_alike(client, address)


def test_asking_for_the_head_of_the_sign_in_is_no_attempt_to_sign_in(office: Office) -> None:
    client = office.app.test_client()
    for _ in range(30):
        assert client.head("/sign-in", base_url="https://localhost").status_code == 200
