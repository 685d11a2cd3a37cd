"""The table of sentences at a bench: one trust, one server, nine virtual phones, from the announcement to the lift."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import certs.cli
from agent_scripts.virtual_phone.phone import VirtualPhone
from certs.rendering import policy_rows
from certs.repository import published_policy
from tests.check.office import LYNC, OUTLOOK, TIKTOK, Bench, Office
from tests.sentences import spoken as t
from tests.sentences.table import ANNOUNCED, IN_FORCE, LIFTED, PAUSED
from tests.server.databases import Databases

_REFUSED = "Security exception: Shell cannot change component state for null to 1"
_PERSONALITIES = {t.CLEAN: "clean", t.SHUT: "closed-work-profile", t.CUT_OFF: "tiktok-work"}
Told = dict[tuple[str, str, str], str]


class Story:
    """The chapters of the table, told at one bench; `told` is what was said where, by chapter and phone."""

    def __init__(self, office: Office, phones: dict[str, VirtualPhone]) -> None:
        self._office = office
        self._phones = phones
        self._bench: Bench = office.new_bench()
        self._addresses = dict(zip(phones, self._bench.provision_all(*phones.values()), strict=True))
        self.told: Told = {}

    def tell(self) -> None:
        self._announced()
        self._office.at(hours=3)
        self._checked(IN_FORCE)
        self._checked(t.AGAIN)
        self._ordered()
        self._office.at(hours=4)
        self._office.publish(review_at=self._office.utc(days=0.05))
        self._checked(PAUSED)
        self._office.publish(lifted=True)
        self._phones[t.STUCK].faults.refuse("default-state", text=_REFUSED)
        self._phones[t.STUCK].faults.refuse("enable", text=_REFUSED)
        self._checked(LIFTED)

    def _announced(self) -> None:
        self._office.at(hours=1)
        self._exempt(t.FREE)
        for app in (OUTLOOK, LYNC):
            self._phones[t.WITHOUT_MANAGED].model.uninstall(10, app)
        self._phones[t.CUT_OFF].faults.cut_dump_after(60)
        self._phones[t.REFUSES].faults.refuse("disable-user", text=_REFUSED)
        self._bench.agent("check", "--all")
        self._phones[t.REMOVES_IT].model.uninstall(0, TIKTOK)
        self._checked(ANNOUNCED)

    def _ordered(self) -> None:
        self._bench.agent("restore", *(self._addresses[phone] for phone in (t.KEEPS_IT, t.FREE)), "--yes")
        self._note(t.ORDERED)

    def _checked(self, chapter: str) -> None:
        self._bench.agent("check", "--all")
        self._note(chapter)

    def _note(self, chapter: str) -> None:
        """Write down what the last command said of each phone, and what else is to be read now."""
        said = self._bench.said.splitlines()
        for phone, address in self._addresses.items():
            lines = [line for line in said if line.startswith(f"{address}: ")]
            self.told[chapter, t.CHECK, phone] = "\n".join(lines)
            notices = self._phones[phone].model.data.notifications.values()
            self.told[chapter, t.NOTICE, phone] = "\n".join(notice["text"] for notice in notices)
        for phone in (t.SHUT, t.KEEPS_IT, t.REFUSES):
            self.told[chapter, t.PROBE, phone] = self._bench.agent("probe", self._addresses[phone])[1]
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            certs.cli.main(["show", str(self._office.trust)])
        self.told[chapter, t.SHOW, t.CLEAN] = shown.getvalue()
        published = published_policy(self._office.trust)
        assert published is not None
        self.told[chapter, t.SIGN, t.CLEAN] = "\n".join(map(": ".join, policy_rows(*published)))

    def _exempt(self, phone: str) -> None:
        folder = self._phones[phone].userland.host_path("/data/local/tmp/curfew")
        words = ["exempt", str(self._office.trust), (folder / "phone_id").read_text().strip()]
        words += ["--until", self._office.utc(days=20), "--reason", "field_test", "--yes"]
        assert certs.cli.main([*words, "--key", str(self._office.trust / "keys" / "fleet.pem")]) == 0
        assert certs.cli.main(["publish", str(self._office.trust)]) == 0
        self._office.server("publish", str(self._office.trust), configured=True)


@pytest.fixture
def told(tmp_path: Path, databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """What commands and phones said in every chapter."""
    # Wide enough that no sentence is broken in two.
    monkeypatch.setenv("COLUMNS", "1000")
    with Office.opened(tmp_path, databases) as office, ExitStack() as stack:
        phones = {
            phone: stack.enter_context(office.phone(_PERSONALITIES.get(phone, "tiktok-personal")))
            for phone in t.PHONES
        }
        story = Story(office, phones)
        story.tell()
        yield story.told


def test_commands_and_notices_tell_the_truth_in_every_chapter(told: Told) -> None:
    false = []
    for line in t.SPOKEN:
        for key in ((chapter, line.where, phone) for chapter in line.stages for phone in line.standings):
            shown = told[key]
            false += [f"{key}: does not say {one!r} but {shown!r}" for one in line.says if one not in shown]
            false += [f"{key}: says {one!r} in {shown!r}" for one in line.never if one in shown]

    assert not false, "\n".join(false)
