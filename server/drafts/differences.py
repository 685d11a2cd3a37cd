"""What a policy says otherwise than another, for people: by subject, before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from certs.rendering import Row, list_changes, policy_rows
from policy.document import Policy


@dataclass(frozen=True)
class Difference:
    """One subject that two policies say otherwise about; empty where one of them says nothing of it."""

    subject: str
    before: str
    after: str


def differences(before: Policy, after: Policy) -> Sequence[Difference]:
    """Return what `after` says otherwise than `before`, in the order in which an approver reads it."""
    # Under one number, which alone would be no difference.
    old, new = policy_rows(0, before), policy_rows(0, after)
    labels = dict.fromkeys([label for label, _ in (*new, *old)])
    changes = [found for label in labels for found in _of_one(label, old, new)]
    return [*changes, *(Difference(label, "", text) for label, text in list_changes(before, after))]


def _of_one(label: str, old: Sequence[Row], new: Sequence[Row]) -> Iterator[Difference]:
    was = [text for one, text in old if one == label]
    now = [text for one, text in new if one == label]
    gone, come = [text for text in was if text not in now], [text for text in now if text not in was]
    # In pairs as they stand: of one thing that was said and is said otherwise there is one of each.
    for number in range(max(len(gone), len(come))):
        yield Difference(label, "".join(gone[number : number + 1]), "".join(come[number : number + 1]))
