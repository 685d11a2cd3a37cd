"""Lists as files: what a page shows a piece of, whole, with the rows and columns that the API tells.

GET /lists/stations.csv?state=revoked
station_id,name,enrolled_at,revoked_at,last_report_at,reports,bundle_number,alarms
8f0c…,bench 2,2023-03-15T11:00:00.000Z,2023-03-16T08:30:00.000Z,,0,0,0
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from server import listed
from server.errors import NotThere
from server.exemptions.known import known_exemptions
from server.pages.access import needs, require
from server.pages.alarms import ALARMS, read_alarms
from server.pages.audit import AUDIT, read_rows
from server.pages.blueprint import pages
from server.pages.exemptions import EXEMPTIONS, read_exemptions
from server.pages.files import file_of
from server.pages.fleet import PHONES, read_phones
from server.pages.lists import Asked, ListPage
from server.pages.moment import now
from server.pages.people import PEOPLE, read_people
from server.pages.stations import STATIONS, read_stations
from server.pages.tokens import TOKENS, read_tokens
from server.people.people import Right
from server.storage.keyset import RowPiece
from server.tables import Row

Read = Callable[[Session, Asked, str, int], RowPiece[Any]]


@dataclass(frozen=True)
class Export:
    """A list that leaves as a file: its page, its columns, how a piece of it is read and a row of it written."""

    page: ListPage
    columns: Sequence[str]
    read: Read
    row: Callable[[Any], Row]


def _exemptions(session: Session, asked: Asked, after: str, limit: int) -> RowPiece[Any]:
    return read_exemptions(known_exemptions(session, now()), asked, after, limit)


_EXPORTS: Mapping[str, Export] = {
    one.page.name: one
    for one in (
        Export(PHONES, listed.PHONE_COLUMNS, read_phones, listed.listed_phone),
        Export(STATIONS, listed.STATION_COLUMNS, read_stations, listed.listed_station),
        Export(ALARMS, listed.ALARM_COLUMNS, read_alarms, listed.listed_alarm),
        Export(EXEMPTIONS, listed.EXEMPTION_COLUMNS, _exemptions, listed.listed_exemption),
        Export(PEOPLE, listed.PERSON_COLUMNS, read_people, listed.listed_person),
        Export(TOKENS, listed.TOKEN_COLUMNS, read_tokens, lambda one: listed.listed_token(one, now())),
        Export(AUDIT, listed.AUDIT_COLUMNS, read_rows, listed.listed_audit_row),
    )
}


def list_named(name: str) -> ListPage:
    """Return the list of that name, if the person signed in may see it; raises `NotThere` or `NotAllowed`."""
    return _export(name).page


@pages.get("/lists/<name>.<any(csv, ndjson):form>")
@needs(Right.LOOK)
def export_list(name: str, form: str) -> Response:
    """Return the whole of what was asked for; refused where it is more than a file at hand is for."""
    export = _export(name)
    asked = export.page.asked()

    def read(session: Session, after: str, limit: int) -> tuple[Sequence[Row], str]:
        piece = export.read(session, asked, after, limit)
        return [export.row(one) for one in piece.rows], piece.next or ""

    return file_of(name, form, export.columns, read)


def _export(name: str) -> Export:
    export = _EXPORTS.get(name)
    if export is None:
        raise NotThere("list_unknown", "There is no such list.", f"There are: {', '.join(_EXPORTS)}.")
    require(export.page.right)
    return export
