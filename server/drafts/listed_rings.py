"""The rings of a draft that list phones: the phones of a unit as they are now, and ids in place of labels.

What somebody writes may name a unit alone, and phones by their labels; what is kept, rehearsed and signed lists ids:

    {"unit": "A", "starts_at": …}  becomes  {"unit": "A", "phones": ["0191…", …], "starts_at": …}

A phone that comes to the unit later is in the ring of its share, until a revision takes the unit anew. Whom another
ring names is left to that one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from sqlalchemy.orm import Session

from certs.drafting import written_document
from policy.document import LISTED_MAX, LISTING_JUDGEMENT
from policy.errors import InvalidDocument, PolicyError
from policy.plain_text import said_by_others
from policy.schemas.strict_json import parse_object
from server.errors import Malformed
from server.fleet.entries import phones_of_unit
from server.fleet.phones import find_phones, phones_named

_SHOWN = 10
_ADVICE = "Correct it, and save it again."

Fault = tuple[str, str]


def taken_up(session: Session, document: bytes) -> bytes:
    """Return what `with_phones` does, for whoever hands a document over as a whole; raises `Malformed`."""
    try:
        return with_phones(session, document)
    except PolicyError as error:
        raise Malformed("policy_refused", str(error), _ADVICE) from error


def with_phones(session: Session, document: bytes) -> bytes:
    """Return a policy document in which each ring that names a unit, or phones, lists the ids of the phones.

    The judgement that it asks for is raised to one that knows such rings. Anything else is left as it is, to the byte
    where there is no such ring, and also what is no policy: others say so. Raises `InvalidDocument` with the place of
    each unit that nobody is in and of each phone that is not known.
    """
    rings = _rings_in(document)
    if not any("unit" in ring or "phones" in ring for ring in rings):
        return document
    whole = json.loads(document)
    rules, faults = whole["rules"], list[Fault]()
    named: set[str] = set()
    for number, ring in enumerate(rules["rings"]):
        if "unit" not in ring and _are_texts(ring.get("phones")):
            ring["phones"] = _ids(session, ring["phones"], f"rules.rings.{number}.phones", faults)
            named.update(ring["phones"])
    for number, ring in enumerate(rules["rings"]):
        # Of an empty one the schema says so; phones without a unit are no unit.
        if isinstance(ring.get("unit"), str) and ring["unit"]:
            ring["phones"] = _of_unit(session, ring, named, f"rules.rings.{number}.unit", faults)
    if faults:
        listed = "; ".join(f"{path}: {text}" for path, text in faults)
        raise InvalidDocument(f"not a valid policy: {listed}. Correct these rings", faults)
    needed = rules.get("minimum_judgement")
    if type(needed) is int and needed < LISTING_JUDGEMENT:
        rules["minimum_judgement"] = LISTING_JUDGEMENT
    return document if whole == json.loads(document) else written_document(whole)


def labels_in(session: Session, document: bytes) -> Mapping[str, str]:
    """Return the labels by which its author named the phones of rings: of those ids that a label stands for alone."""
    ids = {one for ring in _rings_in(document) if _are_texts(ring.get("phones")) for one in ring["phones"]}
    if not ids:
        return {}
    labels = {phone.phone_id: phone.label for phone in find_phones(session, ids) if phone.label}
    alone = phones_named(session, set(labels.values()))
    return {phone_id: label for phone_id, label in labels.items() if len(alone[label]) == 1}


def _rings_in(document: bytes) -> Sequence[Mapping[str, Any]]:
    try:
        rules = parse_object(document, "a policy").get("rules")
    except PolicyError:
        return ()
    rings = rules.get("rings") if isinstance(rules, dict) else None
    # Of what is no ring the schema says so.
    return rings if isinstance(rings, list) and all(isinstance(ring, dict) for ring in rings) else ()


def _are_texts(phones: Any) -> bool:
    return isinstance(phones, list) and all(isinstance(one, str) for one in phones)


def _ids(session: Session, names: Sequence[str], path: str, faults: list[Fault]) -> list[str]:
    known = phones_named(session, set(names))
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    if unknown:
        shown = ", ".join(said_by_others(name, 60) for name in unknown[:_SHOWN])
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        faults.append((path, f"expected labels or ids of registered phones, found {shown}{more}"))
    for name, found in known.items():
        if len(found) > 1:
            faults.append(
                (path, f"{said_by_others(name, 60)} is the label of several phones; name them by their ids")
            )
    return list(_each_id(names, known))


def _each_id(names: Sequence[str], known: Mapping[str, Mapping[Any, str]]) -> Iterator[str]:
    for name in names:
        yield str(next(iter(known[name]))) if name in known else name


def _of_unit(
    session: Session, ring: Mapping[str, Any], named: Set[str], path: str, faults: list[Fault]
) -> list[str]:
    unit = ring["unit"]
    found = phones_of_unit(session, unit, LISTED_MAX + len(named) + 1)
    phones = [phone_id for phone_id in found if phone_id not in named]
    if not phones:
        elsewhere = " whom no other ring lists" if found else ""
        nobody = f"nobody is in unit {said_by_others(unit, 60)}{elsewhere}"
        faults.append((path, f"{nobody}; correct it, or remove the ring"))
    if len(phones) > LISTED_MAX:
        faults.append(
            (
                path,
                f"unit {said_by_others(unit, 60)} has more than {LISTED_MAX} phones; let it be a share of all",
            )
        )
    # As they were, where they are the same: nothing has changed then.
    before: Any = ring.get("phones")
    is_same = isinstance(before, list) and sorted(map(str, before)) == sorted(phones)
    return before if is_same else sorted(phones)
