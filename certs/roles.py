"""The roles of trust: their names, how long their signatures hold, and the metadata they start from.

===========  ======================  ==================================  ========================
role         signed by               says                                signature holds
===========  ======================  ==================================  ========================
root         the offline root key    whose keys count for every role     1 year
targets      the approvers           which policy is in force            35 days, never past ends_at
fleet        the fleet key           which phones are exempt             35 days
snapshot     an online key           which versions belong together      7 days
timestamp    an online key           which snapshot is the newest        24 hours
===========  ======================  ==================================  ========================

Roles are those of the TUF specification 1.0 (theupdateframework.github.io); ``fleet`` is delegated by targets.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from securesystemslib.signer import Key
from tuf.api.metadata import DelegatedRole, Delegations, Root, TargetFile, Targets

ROOT: Final = "root"
TARGETS: Final = "targets"
FLEET: Final = "fleet"
SNAPSHOT: Final = "snapshot"
TIMESTAMP: Final = "timestamp"
ALL_ROLES: Final = (ROOT, TARGETS, FLEET, SNAPSHOT, TIMESTAMP)

POLICY_TARGET: Final = "policy.json"
FLEET_TARGET: Final = "fleet.json"

LIFETIMES: Final[Mapping[str, timedelta]] = {
    ROOT: timedelta(days=365),
    TARGETS: timedelta(days=35),
    FLEET: timedelta(days=35),
    SNAPSHOT: timedelta(days=7),
    TIMESTAMP: timedelta(hours=24),
}

DEMO_MARK: Final = "x-curfew-demo"
"""A signed field of root: virtual phones and the story clock are accepted under such a root only."""

_NAME_MARK: Final = "x-curfew-name"


def named(key: Key, name: str) -> Key:
    """Return a copy of `key` that carries `name`, so that pages can say who signed."""
    # The name is no part of the key's id: one key under two names stays one approver.
    carrying = copy.deepcopy(key)
    carrying.unrecognized_fields[_NAME_MARK] = name
    return carrying


def name_of(key: Key) -> str:
    """Return the name that root or targets give to `key`, else the start of its id."""
    name = key.unrecognized_fields.get(_NAME_MARK)
    # Signed, and shown on terminals and pages all the same: a name that could paint them is left out.
    return name if isinstance(name, str) and name.isprintable() else key.keyid[:12]


def is_demo(root: Root) -> bool:
    """Whether `root` is marked as demo trust."""
    # Nothing that merely resembles true: the mark opens the story clock and lets virtual phones in.
    return root.unrecognized_fields.get(DEMO_MARK) is True


def new_root(keys: Mapping[str, tuple[Key, ...]], threshold: int, demo: bool, now: datetime) -> Root:
    """Return the first root: `keys` by role, `threshold` for targets, 1 for the others."""
    marks = {DEMO_MARK: True} if demo else None
    root = Root(version=1, expires=now + LIFETIMES[ROOT], unrecognized_fields=marks)
    for role, holders in keys.items():
        for key in holders:
            root.add_key(key, role)
    root.roles[TARGETS].threshold = threshold
    return root


def new_targets(version: int, policy: bytes, fleet_key: Key, expires: datetime) -> Targets:
    """Return targets that name exactly one policy and delegate exactly ``fleet.json`` to `fleet_key`."""
    # One path and no pattern: the fleet key can exempt phones and never name a policy.
    role = DelegatedRole(FLEET, keyids=[fleet_key.keyid], threshold=1, terminating=True, paths=[FLEET_TARGET])
    return Targets(
        version=version,
        expires=expires,
        targets={POLICY_TARGET: TargetFile.from_data(POLICY_TARGET, policy, ["sha256"])},
        delegations=Delegations(keys={fleet_key.keyid: fleet_key}, roles={FLEET: role}),
    )


def new_fleet(version: int, fleet: bytes, now: datetime) -> Targets:
    """Return the delegated metadata that names exactly one fleet document."""
    return Targets(
        version=version,
        expires=now + LIFETIMES[FLEET],
        targets={FLEET_TARGET: TargetFile.from_data(FLEET_TARGET, fleet, ["sha256"])},
    )
