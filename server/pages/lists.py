"""Lists on pages: one way of asking, for all of them, in the address; whatever it says, some piece is shown.

An address such as ``/people?search=desk&role=author&sort=newest&after=…`` has fields to filter by, an order and a
place. A field is one of some words or a text of some length, and what is neither is not asked; so every view of a list
is a link, can be kept under a name (`server.people.saved_filters`), and leaves as a file (`server.pages.exports`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode

from flask import request, url_for

from server.errors import NoSuchPlace
from server.people.people import Right
from server.texts import storable

_SHOWN_MAX = 1_000_000_000
_AFTER_MAX_LENGTH = 400
Found = TypeVar("Found")


@dataclass(frozen=True)
class ListPage:
    """One list: its name, the page that shows it, who may, what it is filtered by, and its orders, the usual first."""

    name: str
    endpoint: str
    right: Right
    fields: Mapping[str, Collection[str] | int]
    """By name, the words that a field can be, or how long a text in it can be."""
    sorts: Sequence[str]

    def asked(self) -> Asked:
        """Return what the address of the current request asks for."""
        after = request.args.get("after", "")[:_AFTER_MAX_LENGTH]
        shown = request.args.get("shown", default=0, type=int) if after else 0
        told = self.read(request.args)
        return replace(told, after=after, shown=min(max(shown, 0), _SHOWN_MAX))

    def read(self, told: Mapping[str, str]) -> Asked:
        """Return what these fields ask for, at the top of the list; what no list has is left out."""
        values = {name: self._accepted(name, told.get(name, "").strip()) for name in self.fields}
        sort = told.get("sort", "")
        given = {name: value for name, value in values.items() if value}
        return Asked(self, given, sort if sort in self.sorts else self.sorts[0])

    def _accepted(self, name: str, value: str) -> str:
        known = self.fields[name]
        if isinstance(known, int):
            return value[:known] if storable(value[:known], known) else ""
        return value if value in known else ""


class Heading(NamedTuple):
    """A column's header that sorts: where it leads, and how the list is sorted by it now (``aria-sort``), or ""."""

    label: str
    address: str
    sorted: str


@dataclass(frozen=True)
class Asked:
    """What the reader asked to see of a list: ``fields`` that are not empty, an order, and from which place on."""

    page: ListPage
    fields: Mapping[str, str]
    sort: str
    after: str = ""
    """Behind which row this piece begins, as the list's cursor; "": at its top."""
    shown: int = field(default=0, compare=False)
    """How many rows the reader has come past; told by the address, for captions only."""

    def get(self, name: str) -> str:
        """Return the value of a field; "" where it was not asked for."""
        return self.fields.get(name, "")

    @property
    def query(self) -> str:
        """The fields and the order as they stand in an address, without a place: the same for the same question."""
        return self._query({})

    def address(self, **other: str) -> str:
        """Return the address of the top of this list with `other` fields or order."""
        return self._addressed(url_for(self.page.endpoint), other)

    def following(self, place: str, rows: int) -> str:
        """Return the address of the piece behind `place`, before which this one has so many rows."""
        return self.address(after=place, shown=str(self.shown + rows))

    def exported(self, form: str) -> str:
        """Return the address of all of this as a file, ``csv`` or ``ndjson``."""
        return self._addressed(url_for("pages.export_list", name=self.page.name, form=form), {})

    def by(self, label: str, rising: str = "", falling: str = "") -> Heading:
        """Return a column's header that sorts by either order, or turns it round where there are both."""
        now = {rising: "ascending", falling: "descending"}.get(self.sort, "") if self.sort else ""
        wanted = falling if (self.sort == rising and falling) or not rising else rising
        return Heading(label, self.address(sort=wanted), now)

    def _addressed(self, path: str, other: Mapping[str, str]) -> str:
        query = self._query(other)
        return f"{path}?{query}" if query else path

    def _query(self, other: Mapping[str, str]) -> str:
        told = {**self.fields, "sort": self.sort, **other}
        if told["sort"] == self.page.sorts[0]:
            del told["sort"]
        # In the words of an address: flask's own names among the arguments are none of ours.
        return urlencode({name: value for name, value in told.items() if value})


def from_its_place(asked: Asked, read: Callable[[str], Found]) -> tuple[Asked, Found]:
    """Return what `read` finds behind the place that was asked for; at the top where no list ever gave that place."""
    try:
        return asked, read(asked.after)
    except NoSuchPlace:
        top = replace(asked, after="", shown=0)
        return top, read("")
