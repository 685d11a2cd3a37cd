"""The running server against its own description: what fits is taken, what does not is refused, nothing breaks.

Schemathesis makes the requests from ``openapi.json``; they go over HTTPS to the real program.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import pytest
import requests
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from policy.report_results import ReportStatus
from server.api import register_api
from server.cli import main as curfew_server
from server.config import read_config
from server.fleet.daily_counts import keep_daily_count
from server.people.people import Role
from tests.server.authority import Authority, Bench, TrustFolder
from tests.server.databases import Databases, point_to
from tests.server.running import RunningServer, serving

_EXAMPLES = 20
_SETTINGS = settings(
    max_examples=_EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
_ANSWERS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
_CURSORS = ("after", "since")
"""Opaque: they are good only where an earlier answer gave them (tests/server/test_api_lists.py)."""
_MEANT: Mapping[str, frozenset[str]] = {
    # Whose signature an envelope bears, and that what is in it has a meaning.
    "compare_heads": frozenset({"head_not_ours", "bad_json"}),
    "receive_reports": frozenset({"bad_json"}),
    # What a policy says is told by its own reader (`policy.schemas.policy_document`), field by field.
    "rehearse": frozenset({"policy_malformed", "bad_json"}),
    "open_draft": frozenset({"policy_refused"}),
    "revise_draft": frozenset({"policy_refused"}),
}
"""By operation, the refusals of what no description of its form can tell."""


def _description() -> dict[str, Any]:
    app = Flask("description")
    register_api(app)
    told: dict[str, Any] = app.test_client().get("/api/v1/openapi.json").get_json()
    return told


_DESCRIBED = _description()
_PROOFS: Mapping[str, Mapping[str, Any]] = {
    operation["operationId"]: next(iter(operation.pop("security")), {})
    for methods in _DESCRIBED["paths"].values()
    for method, operation in methods.items()
    if method != "parameters"
}
"""Who proves what; taken out, since wrong proofs have tests of their own (test_token_scopes, test_station_requests)."""
_CHARACTERS = st.characters(exclude_categories=("C", "Z"), include_characters=" ")
schemathesis.openapi.format("curfew-line", st.text(_CHARACTERS, max_size=40))
schemathesis.openapi.format("curfew-words", st.text(_CHARACTERS, min_size=1, max_size=40).filter(str.strip))
schemathesis.openapi.format(
    "date-time",
    # Without an offset, since `isoformat` would write it; the Z says UTC.
    st.datetimes(datetime(2000, 1, 1), datetime(2199, 12, 31)).map(  # noqa: DTZ001
        lambda time: f"{time.replace(microsecond=0).isoformat()}Z"
    ),
)
_OPERATIONS = {
    found.ok().definition.raw["operationId"]: found.ok()
    for found in schemathesis.openapi.from_dict(_DESCRIBED).get_all_operations()
    if isinstance(found, Ok)
}


class Office:
    """A running server, a station that signs, and the token of a person who may everything."""

    def __init__(self, server: RunningServer, bench: Bench, token: str) -> None:
        self.url = f"https://127.0.0.1:{server.port}"
        self._bench = bench
        self._token = token
        self._session = requests.Session()
        self._session.verify = str(server.authority_pem)
        # A kept connection may be closed by the server while the next request is made (RFC 9112, 9.5).
        self._session.headers["Connection"] = "close"

    def answer(self, case: Case[Any]) -> schemathesis.Response:
        """Send what a case says, proven as its operation demands."""
        asked = case.as_transport_kwargs(base_url=self.url)
        asked.pop("cookies", None)
        request = self._session.prepare_request(requests.Request(**asked))
        proof = _PROOFS[case.operation.definition.raw["operationId"]]
        if "person" in proof:
            request.headers["Authorization"] = f"Bearer {self._token}"
        elif "station" in proof:
            body: Any = request.body or b""
            request.headers["Authorization"] = self._bench.authorization(
                str(request.method),
                unquote(request.path_url.partition("?")[0]),
                body.encode() if isinstance(body, str) else body,
            )
        return schemathesis.Response.from_requests(self._session.send(request, timeout=30), verify=True)


@pytest.fixture(scope="module")
def running(
    databases: Databases, published: str, demo_trust: TrustFolder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("described") / "office"
    assert curfew_server(["init", str(folder), "--trust", str(demo_trust.path)]) == 0
    url = databases.copy_of(published, folder)
    point_to(folder / "server.env", url)
    made = Authority(folder.parent, demo_trust, read_config(folder / "server.env", environ={}))
    bench, token = made.bench(), made.person_token(*Role)
    made.phone(bench)
    # As any server has done after its first minute: not whether it was that quick is what is tried here.
    keep_daily_count(made.database, datetime.now(UTC))
    with serving(made) as server:
        yield Office(server, bench, token)
    made.database.close()
    databases.drop(url)


def _code(answer: schemathesis.Response) -> str:
    return str(answer.json()["error"]["code"]) if answer.status_code >= HTTPStatus.BAD_REQUEST else ""


def _can_be_wrong(operation: Any) -> bool:
    """Whether there is something to get wrong: any text in a path is a name, of nothing perhaps."""
    raw = operation.definition.raw
    numbers = [one for one in operation.path_parameters if one.definition["schema"]["type"] == "integer"]
    return bool(raw.get("requestBody") or raw.get("parameters") or numbers)


def _as_signed(value: Any) -> Any:
    """Return a JSON value whose whole numbers are written without a fraction.

    To JSON Schema 30.0 is an integer (draft 2020-12, core 4.2.2); to the server it is none, as in what is signed.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_as_signed(one) for one in value]
    return {name: _as_signed(one) for name, one in value.items()} if isinstance(value, dict) else value


def test_every_described_operation_is_tried() -> None:
    assert set(_OPERATIONS) == set(_PROOFS)


@pytest.mark.parametrize("name", _OPERATIONS)
def test_what_fits_the_description_is_taken(running: Office, name: str) -> None:
    @_SETTINGS
    @given(_OPERATIONS[name].as_strategy(GenerationMode.POSITIVE))
    def ask(case: Case[Any]) -> None:
        case.body = _as_signed(case.body)
        for cursor in _CURSORS:
            if case.query and (name, cursor) != ("list_all_changes", "since"):
                case.query.pop(cursor, None)
        if case.query and ("progress" in case.query or "failure" in case.query):
            # OpenAPI has no words for a parameter that needs another.
            case.query.setdefault("ring", 1)
        answer = running.answer(case)
        case.validate_response(answer, checks=_ANSWERS)
        if _code(answer) not in _MEANT.get(name, ()):
            case.validate_response(answer, checks=[positive_data_acceptance])

    ask()


@pytest.mark.parametrize("name", [name for name, one in _OPERATIONS.items() if _can_be_wrong(one)])
def test_what_does_not_fit_the_description_is_refused(running: Office, name: str) -> None:
    @_SETTINGS
    @given(_OPERATIONS[name].as_strategy(GenerationMode.NEGATIVE))
    def ask(case: Case[Any]) -> None:
        answer = running.answer(case)
        case.validate_response(answer, checks=_ANSWERS)
        if name == "receive_reports" and answer.status_code == HTTPStatus.OK:
            # Each in its own result, so that the good ones beside it are kept.
            assert {result["status"] for result in answer.json()["results"]} <= {ReportStatus.REJECTED.value}
        elif answer.status_code != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            # That refuses, too (RFC 9110, 15.5.14), though schemathesis does not count it among refusals.
            case.validate_response(answer, checks=[negative_data_rejection])

    ask()
