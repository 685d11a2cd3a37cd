"""The next document to sign, built on the newest published one: a policy to edit or to lift, or other exemptions."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from certs.draft_rules import published_document
from certs.errors import RepositoryProblem
from certs.roles import FLEET, FLEET_TARGET, POLICY_TARGET, TARGETS
from certs.trust_folder import TrustFolder
from policy.document import Exemption, Fleet
from policy.families import FamilyReview, oldest_review
from policy.names import PhoneId
from policy.ready_made import REVIEWED_ON, ready_made_document
from policy.schemas import dump_fleet, load_fleet


def next_policy(folder: Path, *, lift: bool = False, missing: Sequence[FamilyReview] = ()) -> bytes:
    """Return the newest policy under the next number, as its author wrote it; the ready-made one if there is none.

    With `lift` it gives everything back and says the same in all else; raises `RepositoryProblem` if there is nothing
    to lift. The names that `missing` found are added to the families they are missing from.
    """
    newest = published_document(TrustFolder(folder).published(), TARGETS, POLICY_TARGET)
    if newest is None and lift:
        raise RepositoryProblem(f"no policy was published from {folder} yet: there is nothing to lift")
    return following_policy(newest, lift=lift, missing=missing)


def following_policy(
    newest: bytes | None, *, lift: bool = False, missing: Sequence[FamilyReview] = ()
) -> bytes:
    """Return the document that follows on `newest` under the next number; the ready-made one if there is none."""
    if newest is None:
        return ready_made_document()
    # Edited as JSON and not by way of `Policy`: the author's order of the fields stays, so a comparison shows
    # what is new.
    document = json.loads(newest)
    document["number"] += 1
    if lift:
        document["rules"]["lifted"] = True
    _add_names(document, missing)
    return written_document(document)


def renumbered_policy(document: bytes, number: int) -> bytes:
    """Return the same policy under another number, as its author wrote it in all else."""
    return written_document({**json.loads(document), "number": number})


def written_document(document: Mapping[str, Any]) -> bytes:
    """Return a document as people edit it: its fields in their order, a line each."""
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _add_names(document: dict[str, Any], missing: Sequence[FamilyReview]) -> None:
    families = {family["name"]: family for family in document["rules"]["families"]}
    for review in missing:
        families[review.banned_as]["packages"] += [known.package for known in review.missing]
    if missing:
        document[REVIEWED_ON] = oldest_review().isoformat()


def with_exemptions(folder: Path, exemptions: Collection[Exemption]) -> bytes:
    """Return the newest fleet document under the next number, these exemptions in place of the phones' old ones."""
    fleet = _next_fleet(folder)
    named = {exemption.phone_id for exemption in exemptions}
    others = (exemption for exemption in fleet.exemptions if exemption.phone_id not in named)
    return dump_fleet(replace(fleet, exemptions=(*others, *exemptions)))


def without_exemptions(folder: Path, phone_ids: Collection[PhoneId]) -> bytes:
    """Return the same without these phones; raises `RepositoryProblem` for one that is not exempt."""
    fleet = _next_fleet(folder)
    if unknown := set(phone_ids) - {exemption.phone_id for exemption in fleet.exemptions}:
        raise RepositoryProblem(f"not exempt, so there is nothing to end: {', '.join(sorted(unknown))}")
    left = tuple(exemption for exemption in fleet.exemptions if exemption.phone_id not in phone_ids)
    return dump_fleet(replace(fleet, exemptions=left))


def _next_fleet(folder: Path) -> Fleet:
    newest = published_document(TrustFolder(folder).published(), FLEET, FLEET_TARGET)
    fleet = load_fleet(newest) if newest else Fleet()
    return replace(fleet, number=fleet.number + 1)
