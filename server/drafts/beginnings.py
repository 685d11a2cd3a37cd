"""What a draft begins with: the policy in force, its lift, an earlier bundle, the ready-made one, or a file."""

from __future__ import annotations

from enum import Enum

from sqlalchemy.orm import Session

from certs.drafting import following_policy, renumbered_policy
from policy.errors import PolicyError
from policy.ready_made import ready_made_document
from policy.schemas import load_policy_document
from policy.schemas.yaml_form import json_of_yaml
from server.errors import InConflict, Malformed, NotThere
from server.policies.bundles import newest, newest_policy_bytes, published_policy_bytes

_YAML_NAMES = (".yaml", ".yml")


class Beginning(Enum):
    """A policy that is there already."""

    IN_FORCE = "in_force"
    LIFT = "lift"
    READY_MADE = "ready_made"


def beginning(session: Session, wanted: Beginning) -> bytes:
    """Return the document under the next number; raises `InConflict` where nothing is in force yet to begin with."""
    if wanted is Beginning.READY_MADE:
        return numbered_next(session, ready_made_document())
    in_force = newest_policy_bytes(session)
    if in_force is None:
        raise InConflict(
            "nothing_in_force",
            "no policy is published yet, so a draft cannot begin with one",
            "Begin with the ready-made one, or with a file.",
        )
    return following_policy(in_force, lift=wanted is Beginning.LIFT)


def returning(session: Session, number: int) -> bytes:
    """Return what bundle `number` said, under the next number: published, it undoes what came after.

    It goes the way of every draft. Raises `NotThere` for a bundle that there is not, `InConflict` for the newest.
    """
    current = newest(session).number
    document = published_policy_bytes(session, number)
    if document is None:
        raise NotThere(
            "bundle_unknown",
            f"there is no bundle {number} to return to; the newest is {current}"
            if current
            else "no policy is published yet, so there is nothing to return to",
            "Choose one from /bundles.",
        )
    if number == current:
        raise InConflict(
            "bundle_is_newest",
            f"bundle {number} is the newest already, so there is nothing to return from",
            "Choose an earlier one from /bundles.",
        )
    return numbered_next(session, document)


def numbered_next(session: Session, document: bytes) -> bytes:
    """Return a policy under the number that follows on the newest bundle; raises `Malformed` for what is none."""
    try:
        load_policy_document(document)
    except PolicyError as error:
        raise Malformed("policy_refused", str(error), "Correct it, and send it again.") from error
    return renumbered_policy(document, newest(session).number + 1)


def document_in(data: bytes, name: str) -> bytes:
    """Return the JSON of a file: as it is, or of YAML where its name says so; raises `Malformed`."""
    if not name.lower().endswith(_YAML_NAMES):
        return data
    try:
        return json_of_yaml(data)
    except PolicyError as error:
        raise Malformed("policy_refused", str(error), "Correct it, and send it again.") from error
