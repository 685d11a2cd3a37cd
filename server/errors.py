"""What can go wrong on the server, as errors. `server.running.error_handlers` turns them into answers, in one shape.

ServiceError
├── ConfigurationRefused        a setting is missing or contradicts another: the server does not start
├── StorageUnavailable          the database cannot take or give anything now; nothing was acknowledged
│   ├── StorageBusy             somebody else holds it
│   ├── StorageFull             the disk below it is full, or failing
│   └── SchemaMismatch          it has another schema than this version works with
├── EvidenceDamaged             a stored report does not come back as it was signed
├── BackupRefused               a backup cannot be made or restored as it stands; nothing was replaced
├── PublicationRefused          a trust folder cannot be published as it stands
└── RequestRefused              one request, refused; carries the HTTP status and a code that programs read
    ├── Malformed               400
    │   └── NoSuchPlace
    ├── NotSignedIn             401
    ├── NotAllowed              403
    ├── NotThere                404
    ├── InConflict              409
    ├── ChangesUnknown          410
    ├── TooLarge                413
    ├── ComeLater               429
    └── NotAccepted             a header asks for what this server does not do (411, 415)
"""

from __future__ import annotations


class ServiceError(Exception):
    """Something on the server went wrong; the message says what, and what to do next."""


class ConfigurationRefused(ServiceError):
    """A setting is missing or contradicts another; the message names the key and the command that mends it."""


class StorageUnavailable(ServiceError):
    """The database can neither take nor give anything now; nothing of this request was stored."""


class StorageBusy(StorageUnavailable):
    """Another process holds the database, or it cannot be reached."""


class StorageFull(StorageUnavailable):
    """The disk below the database is full or failing."""


class SchemaMismatch(StorageUnavailable):
    """Another version of Curfew has migrated the database: this one would store less than that one expects."""


class EvidenceDamaged(ServiceError):
    """A stored report does not come back as it was signed."""

    def __init__(self, report_id: str, expected: str, found: str) -> None:
        """`expected` and `found` are what was looked for in the row of the report, and what is there."""
        super().__init__(
            f"report {report_id}: expected {expected}, found {found}; keep the database as it is, and look with:"
            " curfew-server --config SERVER.env check"
        )


class BackupRefused(ServiceError):
    """A backup cannot be made or restored as it stands; nothing was replaced."""


class PublicationRefused(ServiceError):
    """A trust folder cannot be published as it stands."""


class RequestRefused(ServiceError):
    """One request, refused. ``code`` is for programs, ``message`` and ``next_step`` are for people."""

    status = 400

    def __init__(self, code: str, message: str, next_step: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.next_step = next_step


class Malformed(RequestRefused):
    """The request does not have the agreed form."""


class NoSuchPlace(Malformed):
    """A list is asked for from behind a place that it does not have."""

    def __init__(self) -> None:
        super().__init__(
            "after_malformed",
            "expected in `after` what an earlier answer to the same question gave as `next`",
            "Leave it out to begin at the top.",
        )


class NotSignedIn(RequestRefused):
    """The request does not prove who it comes from."""

    status = 401


class NotAllowed(RequestRefused):
    """The sender is known and may not do this."""

    status = 403


class NotThere(RequestRefused):
    """What the request names does not exist."""

    status = 404


class InConflict(RequestRefused):
    """The request contradicts what is stored."""

    status = 409


class ChangesUnknown(RequestRefused):
    """The changes since a moment cannot be told."""

    status = 410

    def __init__(self, reason: str) -> None:
        super().__init__(
            "changes_unknown",
            f"the changes since this cursor cannot be told: {reason}",
            "Read the whole list, without `since`; its `cursor` is good for the next time.",
        )


class TooLarge(RequestRefused):
    """The body is larger than any honest one."""

    status = 413


class ComeLater(RequestRefused):
    """Too much is asked at this moment; nothing was done, and the same may be asked again."""

    status = 429


class NotAccepted(RequestRefused):
    """A header asks for something this server does not do."""

    def __init__(self, status: int, code: str, message: str, next_step: str) -> None:
        super().__init__(code, message, next_step)
        self.status = status
