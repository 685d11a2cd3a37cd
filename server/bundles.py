"""What was published: bundles (rows nobody updates) and the trust files stations download."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from policy.document import Policy
from server.database import Database


@dataclass(frozen=True)
class BundleRow:
    """One published bundle, newest first on the page."""

    number: int
    name: str
    published_at: datetime
    signers: tuple[str, ...]
    """Key ids of the approvers whose signatures counted."""
    expires: datetime
    demo: bool
    current: bool
    policy: Policy


def bundles(session: Session) -> Sequence[BundleRow]:
    """Return every bundle ever published, newest first."""
    raise NotImplementedError


def require_demo_root(database: Database) -> None:
    """Raise `ConfigurationRefused` unless what is published stands under a root marked ``demo``."""
    raise NotImplementedError
