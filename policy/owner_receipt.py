"""What a phone's owner is told of a check, in their language: asked, found, changed, how to get it back. Pure.

Stations print it and the server's page for owners shows it, in the same words (``owner_words.json``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any

from policy.document import Policy
from policy.ledger import LedgerEntry
from policy.names import UserNumber
from policy.observation import UserKind
from policy.report import Consent, Report
from policy.verdict import Stage, Verdict

OTHERWISE = "en"
"""Spoken to owners whose language has no words here."""


class Part(Enum):
    """What a section is about; the last two are for paper, which leads to a page and is handed out at a bench."""

    ASKED = "asked"
    FOUND = "found"
    CHANGED = "changed"
    BACK = "back"
    OBJECT = "object"
    LEAVE = "leave"


PAPER_ONLY = frozenset({Part.OBJECT, Part.LEAVE})


@dataclass(frozen=True)
class Section:
    """What stands under one heading, and where it lists something, the list after the first paragraph."""

    part: Part
    heading: str
    paragraphs: tuple[str, ...]
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class OwnerReceipt:
    """A receipt of one check. ``language`` is the one it is written in: a tag such as ``fr``."""

    language: str
    title: str
    checked: str
    sections: tuple[Section, ...]


def languages() -> tuple[str, ...]:
    """Return the languages that owners can be told in: ``("en", "fr", "de", "nl")``."""
    return tuple(_words())


def spoken(language: str) -> str:
    """Return the one of `languages` that an owner who speaks `language` is told in: ``fr`` for ``fr-BE``.

    English where none is theirs.
    """
    tag = language.replace("_", "-").partition("-")[0].lower()
    return tag if tag in _words() else OTHERWISE


def say(language: str, key: str, **values: object) -> str:
    """Return one sentence of ``owner_words.json`` in one of `languages`, with `values` in their places."""
    return str(_words()[language][key]).format(**values)


def owner_receipt(report: Report, policy: Policy | None, language: str) -> OwnerReceipt:
    """Return what the owner of the phone in `report` is told, in `language`, or in English where it has no words.

    `policy` is that of the report's bundle; None where it is not at hand: the receipt then names its number alone.
    `language` may carry a region, as ``fr-BE`` does.
    """
    teller = _Teller(report, policy, spoken(language))
    return OwnerReceipt(teller.language, teller.say("title"), teller.checked(), tuple(teller.sections()))


@cache
def _words() -> Mapping[str, Mapping[str, Any]]:
    found: Mapping[str, Mapping[str, Any]] = json.loads(
        files("policy").joinpath("owner_words.json").read_text(encoding="utf-8")
    )
    return found


@dataclass(frozen=True)
class _Teller:
    report: Report
    policy: Policy | None
    language: str

    def say(self, key: str, **values: object) -> str:
        return say(self.language, key, **values)

    def checked(self) -> str:
        at, bundle = utc(self.report.checked_at), self.report.bundle_number
        return (
            self.say("checked", at=at, bundle=bundle)
            if bundle
            else self.say("checked_without_measure", at=at)
        )

    def sections(self) -> Iterator[Section]:
        yield self._asked()
        yield self._found()
        yield self._changed()
        yield self._section(Part.BACK, tuple(self._back()))
        yield self._section(Part.OBJECT, (self.say("object_how"),))
        yield self._section(Part.LEAVE, (self.say("leave_how"),))

    def _section(self, part: Part, paragraphs: tuple[str, ...], items: tuple[str, ...] = ()) -> Section:
        return Section(part, self.say(part.value), paragraphs, items)

    def _asked(self) -> Section:
        rest = self.say("asked_nothing_else")
        if self.report.consent is Consent.DECLINED:
            return self._section(Part.ASKED, (self.say("asked_nothing"),))
        if self.policy is None:
            return self._section(
                Part.ASKED, (self.say("asked_unknown", bundle=self.report.bundle_number), rest)
            )
        return self._section(Part.ASKED, (self.say("asked_only"), rest), self.policy.named_packages)

    def _found(self) -> Section:
        if self.report.consent is Consent.DECLINED:
            return self._section(Part.FOUND, (self.say("asked_nothing"),))
        found = tuple(
            f"{finding.family} ({finding.package}), {self._place(finding.user)}"
            for finding in self.report.findings
        )
        return self._section(Part.FOUND, (self.say(f"found_{self.report.verdict.value}"),), found)

    def _changed(self) -> Section:
        entries = self.report.ledger.entries
        told = tuple(map(self._entry, entries)) or (self.say("changed_nothing"),)
        # A phone that was left, or whose owner declined, has no marker of ours any more.
        left = (self.say("left_behind"),) if self.report.shown_marker else ()
        script = (self.say("script_left_behind"),) if self.report.watched is not None else ()
        return self._section(Part.CHANGED, (*told, *left, *script))

    def _entry(self, entry: LedgerEntry) -> str:
        place = self._place(entry.user)
        return self.say(f"entry_{entry.state.value}", app=entry.package, place=place, at=utc(entry.at))

    def _back(self) -> Iterator[str]:
        if self.report.stage is Stage.LIFTED:
            yield self.say("back_lifted")
            return
        apps = list(dict.fromkeys(finding.family for finding in self.report.findings))
        if apps:
            yield self.say("back_remove", apps=f" {self.say('and')} ".join(apps))
        elif self.report.verdict is Verdict.COMPLIANT:
            yield self.say("back_nothing")
        else:
            yield self.say("back_again")
        if self.policy is not None:
            yield self.say("back_end", at=utc(self.policy.ends_at))

    def _place(self, user: UserNumber) -> str:
        kinds = {seen.user: seen.kind for seen in self.report.users}
        return f"{_words()[self.language]['places'][kinds.get(user, UserKind.OTHER).value]} ({user})"


def utc(moment: datetime) -> str:
    """Return a time as owners read it: ``2023-03-15 11:00 UTC``."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
