"""The policy that Curfew ships: TikTok off, Outlook and Skype for Business managed; a start for an admin's own."""

from __future__ import annotations

from importlib.resources import files

from policy.document import Policy
from policy.schemas import load_policy_document


def ready_made_document() -> bytes:
    """Return the shipped policy as a document with number 1, ready to be edited or signed."""
    return files("policy").joinpath("ready_made.json").read_bytes()


def ready_made_policy() -> Policy:
    """Return the shipped policy."""
    return load_policy_document(ready_made_document())[1]
