"""The blueprint of all described views, with our own strictness and our own shape of errors.

flask-smorest brings no types, so it is spoken to in this module only; views use `described`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ParamSpec, TypeVar, cast

from flask import Blueprint as PlainBlueprint
from flask import Flask, Request, Response
from flask_smorest import Api, Blueprint  # type: ignore[import-untyped]
from marshmallow import Schema
from webargs import core
from webargs.flaskparser import FlaskParser, is_json_request
from werkzeug.routing import Rule

from policy.errors import InvalidDocument
from policy.schemas.strict_json import parse_object
from server.api.described import tell_strictness
from server.api.examples import ERROR, EXAMPLES
from server.api.list_schemas import ListSchema
from server.api.schemas import BatchSchema, ErrorSchema, ReportAnswerSchema
from server.errors import Malformed

P = ParamSpec("P")
R = TypeVar("R")

_PREFIX = "/api/v1"

STATION = "station"
"""Signed by an enrolled station."""
PERSON = "person"
"""Sent with a person's API token."""

taken: dict[tuple[str, str], frozenset[str]] = {}
"""By path and method, the names that an address takes behind its question mark."""

_lists: set[str] = set()
"""The views that answer with a piece of a list."""

hot = PlainBlueprint("hot", __name__, url_prefix=_PREFIX)
"""For the hot route: flask-smorest costs twice as much a request as plain Flask (docs/performance.md 2)."""

_SCHEMES: Mapping[str, Mapping[str, str]] = {
    STATION: {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`Curfew BASE64(DSSE envelope)` of type application/vnd.curfew.request+json over"
        " {station_id, method, path, body_sha256, time, nonce}; the time within 5 minutes of the server's.",
    },
    PERSON: {
        "type": "http",
        "scheme": "bearer",
        "description": "A person's API token: it needs a scope, and its owner a right; a 403 names what is missing.",
    },
}


class _StrictParser(FlaskParser):
    """Reads bodies as strictly as signed documents: one object, every key once, no nesting without end."""

    def _raw_load_json(self, req: Request) -> Any:
        if not is_json_request(req):
            return core.missing
        try:
            # Kept: the view checks the station's signature over these very bytes (`server.api.station_access`).
            return parse_object(req.get_data(cache=True), "a body")
        except InvalidDocument as error:
            raise Malformed("bad_json", str(error), "Send one JSON object.") from error


class _CurfewApi(Api):  # type: ignore[misc]
    ERROR_SCHEMA = ErrorSchema

    def _register_error_handlers(self) -> None:
        """Leave errors to `server.running.error_handlers`, which answers them for the whole application."""


class _StrictBlueprint(Blueprint):  # type: ignore[misc]
    ARGUMENTS_PARSER = _StrictParser()


_api = _StrictBlueprint("api", __name__, url_prefix=_PREFIX, description="Stations and the mail side")


def described(
    path: str,
    answer: type[Schema],
    *,
    method: str = "GET",
    status: int = 200,
    body: type[Schema] | None = None,
    query: type[Schema] | None = None,
    proof: str | None = None,
    also: Mapping[int, str] | None = None,
    refusals: Mapping[int, str] | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Serve a view under `path` and describe it: what it takes, answers and refuses, and who has to prove what.

    `also` are other statuses of the same answer, and what they mean.
    """

    def add(view: Callable[P, R]) -> Callable[P, R]:
        # flask-smorest takes the view's docstring as its summary in openapi.json.
        wrapped: Any = _api.response(status, answer)(view)
        for other, meaning in (also or {}).items():
            wrapped = _api.alt_response(other, schema=answer, description=meaning)(wrapped)
        for refused, reason in (refusals or {}).items():
            wrapped = _api.alt_response(refused, schema=ErrorSchema, description=reason)(wrapped)
        # Named after the view: programs that are made from the description call it so.
        told: dict[str, Any] = {"operationId": view.__name__, "security": [{proof: []}] if proof else []}
        wrapped = _api.doc(**told)(wrapped)
        if issubclass(answer, ListSchema):
            _lists.add(view.__name__)
        if body:
            wrapped = _api.arguments(body)(wrapped)
        if query:
            # Who asks by a name that is not among these is refused before (`server.api.parameters`).
            wrapped = _api.arguments(query, location="query")(wrapped)
            taken[f"{_api.url_prefix}{path}", method] = frozenset(query().fields)
        return cast("Callable[P, R]", _api.route(path, methods=[method])(wrapped))

    return add


def serve_api(app: Flask) -> None:
    """Let `app` serve every described view, the hot route, and ``openapi.json`` over all of them."""
    app.register_blueprint(_api)
    app.register_blueprint(hot)
    # Exactly one, or the server does not start: a renamed view would vanish from the description unnoticed.
    [_] = _hot_routes(app)
    app.add_url_rule(
        f"{_PREFIX}/openapi.json", "openapi", lambda: Response(_description(), mimetype="application/json")
    )


@cache
def _description() -> str:
    """Return the description; made when it is first asked for, since making it takes longer than all else at start."""
    described_app = Flask("description")
    described_app.config.update(
        API_TITLE="Curfew",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        # Relative to where the description is read: the server may be known by several names.
        API_SPEC_OPTIONS={"servers": [{"url": "/", "description": "The server that gave this description"}]},
    )
    api = _CurfewApi(described_app)
    for name, scheme in _SCHEMES.items():
        api.spec.components.security_scheme(name, scheme)
    api.register_blueprint(_api)
    described_app.register_blueprint(hot)
    _describe_hot_route(api.spec, _hot_routes(described_app)[0])
    described_whole: dict[str, Any] = api.spec.to_dict()
    _complete(described_whole)
    return json.dumps(described_whole, indent=2)


def _complete(described_whole: dict[str, Any]) -> None:
    """Add what the schemas do not tell: samples, and the other forms of lists (`server.api.lists`)."""
    described_whole["components"]["schemas"]["Error"]["examples"] = [ERROR]
    tell_strictness(described_whole)
    for path, operations in described_whole["paths"].items():
        for method, operation in operations.items():
            example = EXAMPLES.get((method, path.removeprefix(_PREFIX)))
            if example is not None:
                operation["requestBody"]["content"]["application/json"]["example"] = example
            if method == "get" and operation["operationId"] in _lists:
                _tell_forms(operation["responses"])


def _tell_forms(responses: dict[str, Any]) -> None:
    lines = {"schema": {"type": "string"}}
    responses["200"]["content"] |= {"text/csv": lines, "application/x-ndjson": lines}
    responses["304"] = {"description": "nothing has changed since the ETag in `If-None-Match`"}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    responses["406"] = {"description": "lines_wanted", "content": error}


def _hot_routes(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint == "hot.receive"]


def _describe_hot_route(spec: Any, rule: Rule) -> None:
    # By hand, since a plain view of Flask does not tell what it takes and answers.
    spec.components.schema("Batch", schema=BatchSchema)
    spec.components.schema("ReportAnswer", schema=ReportAnswerSchema)
    answer = {"application/json": {"schema": {"$ref": "#/components/schemas/ReportAnswer"}}}
    operation = {
        "operationId": "receive_reports",
        # Each report proves its station by its own signature.
        "security": [],
        "summary": "Store signed reports",
        "tags": ["api"],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Batch"}}},
        },
        "responses": {
            "200": {"description": "One result per report, in order", "content": answer},
            "409": {"description": "The only report conflicts with a stored one", "content": answer},
            "default": {"$ref": "#/components/responses/DEFAULT_ERROR"},
        },
    }
    spec.path(rule=rule, operations={"post": operation})
