"""The table of sentences on the server's pages: a server in each stage, with a phone in each standing."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from policy.names import PhoneId
from server.people.people import Role
from tests.pages.office import Office
from tests.sentences import table as t
from tests.sentences.reported import fill, label_of

HERE = "https://localhost"


def plain(markup: str) -> str:
    """Return what a person reads, without markup."""
    return (
        " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split()).replace(" .", ".").replace(" ,", ",")
    )


class Pages:
    """The pages of one server as one person sees them; each is read once."""

    def __init__(self, client: FlaskClient, phones: dict[str, PhoneId]) -> None:
        self._client = client
        self._phones = phones
        self._read: dict[str, str] = {}

    def at(self, address: str) -> str:
        """Return the markup of one page."""
        if address not in self._read:
            answer = self._client.get(address, base_url=HERE)
            assert answer.status_code == 200, answer.text
            self._read[address] = answer.text
        return self._read[address]

    def where(self, place: str, standing: str) -> str:
        """Return the markup of one place of the table."""
        readers: dict[str, Callable[[], str]] = {
            t.PHONE: lambda: self.at(f"/phones/{self._phones[standing]}"),
            t.LEAD: lambda: self.at(f"/phones/{self._phones[standing]}").partition("<h2>The phone</h2>")[0],
            t.ROW: lambda: self._row(standing),
            t.FLEET: lambda: self.at("/").partition('<form class="sheet filter"')[0],
            t.BUNDLES: lambda: self.at("/bundles"),
        }
        return readers[place]()

    def _row(self, standing: str) -> str:
        [row] = [row for row in self.at("/").split('<tr role="row">') if f">{label_of(standing)}</a>" in row]
        return row


@pytest.fixture
def pages(staffed_without_policy: Office, stage: str) -> Pages:
    """A server in that stage, with a phone in each standing."""
    phones = fill(staffed_without_policy, stage)
    return Pages(staffed_without_policy.client(Role.TECHNICIAN), dict(phones))


@pytest.fixture
def staffed_without_policy(office: Office, tmp_path: Path) -> Office:
    """A server with one station, on which nothing is published."""
    office.station("Bench 2", tmp_path / "station.pem")
    return office


@pytest.mark.parametrize("stage", t.STAGES)
def test_every_page_tells_the_truth_in_this_stage(pages: Pages, stage: str) -> None:
    false = []
    for line in (line for line in t.TABLE if stage in line.stages):
        for standing in line.standings:
            markup = pages.where(line.where, standing)
            shown = f"{markup}\n{plain(markup)}"
            false += [
                f"{standing}, {line.where}: does not say {one!r}" for one in line.says if one not in shown
            ]
            false += [f"{standing}, {line.where}: says {one!r}" for one in line.never if one in shown]

    assert not false, "\n".join((stage, *false))


def test_the_table_says_something_of_every_phone_in_every_stage() -> None:
    said = {
        (stage, standing)
        for line in t.TABLE
        if line.says and line.where in (t.LEAD, t.ROW)
        for stage in line.stages
        for standing in line.standings
    }

    assert {(stage, standing) for stage in t.STAGES for standing in t.STANDINGS} - said == set()
