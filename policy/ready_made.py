"""The policy that Curfew ships: TikTok off, Outlook and Skype for Business managed; a start for an admin's own.

Its rules stand in ``ready_made.json`` but for the families, which have a file of their own with source and review day.
"""

from __future__ import annotations

import json
from importlib.resources import files

from policy.document import Policy
from policy.families import oldest_review, ready_made_families
from policy.schemas import load_policy_document

REVIEWED_ON = "families_reviewed_on"
"""The descriptive field of a policy that carries the review day of the families it was drafted with."""


def ready_made_document() -> bytes:
    """Return the shipped policy as a document with number 1, ready to be edited or signed."""
    document = json.loads(files("policy").joinpath("ready_made.json").read_bytes())
    families = [
        {"name": family.name, "active": family.active, "packages": family.packages}
        for family in ready_made_families()
    ]
    rules, messages = document.pop("rules"), document.pop("messages")
    document |= {
        REVIEWED_ON: oldest_review().isoformat(),
        "rules": {"families": families, **rules},
        "messages": messages,
    }
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def ready_made_policy() -> Policy:
    """Return the shipped policy."""
    return load_policy_document(ready_made_document())[1]
