"""Every address that shows something, and how it is asked for where reading is measured; what is left out tells why.

In an address ``{phone}`` is one that fell silent, ``{station}`` who checked it last, ``{report}`` a report of today,
and ``{draft}`` a draft of the policy in force.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

VIEWS: Mapping[str, Sequence[str]] = {
    "/": (
        "/",
        "/?standing=silent",
        "/?ring=2&progress=not_heard",
        "/?search=CW-0000777",
        "/?search=pixel",
        "/?search=nothing",
    ),
    "/account": ("/account",),
    "/alarms": ("/alarms",),
    "/audit": ("/audit",),
    "/blocks": ("/blocks",),
    "/bundles": ("/bundles",),
    "/changes": ("/changes", "/changes?change=new", "/changes?change=complying"),
    "/deadline": ("/deadline",),
    "/deadline.ics": ("/deadline.ics",),
    "/drafts": ("/drafts",),
    "/drafts/<int:draft_id>": ("/drafts/{draft}",),
    "/drafts/<int:draft_id>/edit": ("/drafts/{draft}/edit",),
    "/exemptions": ("/exemptions",),
    "/holders/search": ("/holders/search",),
    "/lift": ("/lift",),
    "/my-phone/<code>": ("/my-phone/{report}",),
    "/owner-requests": ("/owner-requests",),
    "/people": ("/people",),
    "/people/<name>": ("/people/author-9",),
    "/phones/<phone_id>": ("/phones/{phone}",),
    "/phones/<phone_id>/checks": ("/phones/{phone}/checks",),
    "/phones/<phone_id>/print": ("/phones/{phone}/print",),
    "/rehearsals": ("/rehearsals",),
    "/rings": ("/rings",),
    "/stations": ("/stations",),
    "/stations/<station_id>/revoke": ("/stations/{station}/revoke",),
    "/tokens": ("/tokens",),
    "/api/v1/alarms": ("/api/v1/alarms",),
    "/api/v1/attempts": ("/api/v1/attempts",),
    "/api/v1/audit-rows": ("/api/v1/audit-rows",),
    "/api/v1/blocks": ("/api/v1/blocks",),
    "/api/v1/changes": ("/api/v1/changes?change=complying",),
    "/api/v1/deadline": ("/api/v1/deadline",),
    "/api/v1/drafts": ("/api/v1/drafts",),
    "/api/v1/drafts/<int:draft_id>": ("/api/v1/drafts/{draft}",),
    "/api/v1/exemption-requests": ("/api/v1/exemption-requests",),
    "/api/v1/exemptions": ("/api/v1/exemptions",),
    "/api/v1/lift": ("/api/v1/lift",),
    "/api/v1/lift/phones": ("/api/v1/lift/phones",),
    "/api/v1/owner-requests": ("/api/v1/owner-requests",),
    "/api/v1/people": ("/api/v1/people",),
    "/api/v1/people/<name>": ("/api/v1/people/author-9",),
    "/api/v1/phones": ("/api/v1/phones", "/api/v1/phones?ring=2&progress=not_heard"),
    "/api/v1/phones/<phone_id>/checks": ("/api/v1/phones/{phone}/checks",),
    "/api/v1/publications": ("/api/v1/publications",),
    "/api/v1/refusals": ("/api/v1/refusals",),
    "/api/v1/rings": ("/api/v1/rings",),
    "/api/v1/stations": ("/api/v1/stations",),
    "/api/v1/status": ("/api/v1/status",),
    "/api/v1/tokens": ("/api/v1/tokens",),
}
"""By the route, every address of it that is measured."""

LIFTED = ("/", "/lift", "/changes", "/api/v1/lift", "/api/v1/lift/phones")
"""What is measured once more when the measure is over, and all who are switched off wait."""

_ONE_ROW = "one stored row, whatever the fleet"
_WHOLE = "the whole list, as `?whole=true`: docs/performance.md, chapter 9"
_REHEARSED = "what a rehearsal has kept: tests.benchmarks.rehearsing"
NOT_MEASURED: Mapping[str, str] = {
    "/static/<path:filename>": "a file",
    "/metrics": "by itself: what stands is kept for a minute",
    "/sign-in": "no fleet",
    "/healthz": "no fleet",
    "/readyz": "no fleet",
    "/api/v1/openapi.json": "no fleet",
    "/trust/authority.pem": "a file",
    "/trust/timestamp.json": "a file",
    "/trust/<path:name>": "a file",
    "/blocks.csv": _WHOLE,
    "/lists/<name>.<any(csv, ndjson):form>": _WHOLE,
    "/drafts/<int:draft_id>/proposal.json": _ONE_ROW,
    "/drafts/<int:draft_id>/<int:revision>.json": _ONE_ROW,
    "/drafts/<int:draft_id>/<int:revision>.yaml": _ONE_ROW,
    "/exemptions/proposal.json": "the fleet document: as many rows as there are exemptions",
    "/lift/certificates/<int:number>.json": "a list of all phones that were ever switched off, made by hand once",
    "/rehearsals/<rehearsal_id>": _REHEARSED,
    "/rehearsals/<rehearsal_id>/phones": _REHEARSED,
    "/api/v1/audit-rows/<int:number>": _ONE_ROW,
    "/api/v1/drafts/<int:draft_id>/proposal": _ONE_ROW,
    "/api/v1/exemption-requests/<int:request_id>": _ONE_ROW,
    "/api/v1/exemptions/proposal": "the fleet document: as many rows as there are exemptions",
    "/api/v1/lift/certificates/<int:number>": "a list of all phones that were ever switched off, made by hand once",
    "/api/v1/phones/<phone_id>/ledger": "asked with a station's key: tests.benchmarks.reports_per_core",
    "/api/v1/rehearsals/<rehearsal_id>": _REHEARSED,
    "/api/v1/rehearsals/<rehearsal_id>/phones": _REHEARSED,
}
"""Why other routes are not in the list."""
