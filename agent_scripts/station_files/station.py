"""The technician's computer as a folder: who it is, which phones it knows, what it did to them.

station.json       who this station is and which server it believes
station.key        P-256, signs reports and requests; never leaves this folder
organisation.key   turns serials into identities; the server never has it
authority.pem      the one TLS authority this station accepts
adbkey, adbkey.pub the key that phones know
counter            the last number that was taken for reports, used or not (`counters`)
time.json          the last time the server told (`trusted_time`)
hold.json          from which share on the server holds rings, while it does (`hold`)
*.lock             where this computer's processes wait for each other before they change the file of that name
phones/ ledgers/   one file per phone
unsettled/         what only the server remembers, until a person has decided (`unsettled`)
watched/           up to where the record of a phone's own script is here
spool/ aside/      reports that wait, reports that a person must look at
checked/           the newest report of each phone, for its owner's papers (`latest_reports`)
leaving/           phones that are being left, until debugging is as it is to be (`leaving`)
papers/            what paper was made and printed of each phone (`paper_records`)
paper/             the bench's labels and receipts, where no other folder is named
attempts/          visits in vain that the server was not told of yet, one file per phone (`attempts`)
trust/             signed metadata and the accepted bundle (`certs.trust_client`)
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from agent_scripts.adb.keys import AdbKeys
from agent_scripts.errors import FileDamaged, NotEnrolled, PlaceholderSerial, StoryClockRefused
from agent_scripts.exchange.phone_spool import SpoolPosition
from agent_scripts.station_files.adb_key import station_adb_key
from agent_scripts.station_files.durable_file import held_alone, make_folder, remove_durably, write_durably
from agent_scripts.station_files.leaving import Leavings
from certs.durable import clear_leftovers
from certs.keys import Signer, load_signer
from policy.errors import PolicyError
from policy.ledger import Ledger
from policy.names import PhoneId
from policy.report import Consent
from policy.schemas import dump_ledger, load_ledger

_KIND = "curfew-station"
_ORGANISATION_KEY = re.compile(r"[0-9a-f]{64}")
# What devices report whose maker never wrote a serial, as seen on phones (docs/android/commands.md 12.4, 17).
_PLACEHOLDERS = frozenset(
    ("", "unknown", "null", "none", "n/a", "default", "android", "serial", "1234567890")
)
_COUNTED_UP = ("0123456789abcdef", "123456789abcdef")


@dataclass(frozen=True)
class KnownPhone:
    """What a station remembers of a phone it provisioned; the holder is the server's to keep, not ours."""

    phone_id: PhoneId
    address: str = ""
    identity: str = ""
    consent: Consent = Consent.AGREED
    label: str = ""
    model: str = ""
    registered_as: str = ""
    """The `Station.registration_mark` of what the server was told last; by it a batch list knows what is done."""
    usb_debugging: str = ""
    """How it was found when the phone was provisioned: ``on``, ``off`` or ``unknown``; empty: nobody looked."""
    wireless_debugging: str = ""
    """The same of wireless debugging."""

    @property
    def name(self) -> str:
        """What it is called on paper: its label, else its model, else its id."""
        return self.label or self.model or self.phone_id


class Station:
    """An enrolled station. Made by `enrolment.enrol`, opened by `Station.open`."""

    def __init__(self, folder: Path, story_clock: Path | None = None) -> None:
        """Read who the station in `folder` is; raises `NotEnrolled`, `FileDamaged` or `StoryClockRefused`."""
        self.folder = folder
        described = _described(folder / "station.json")
        self.station_id: str = described["station_id"]
        self.name: str = described["name"]
        self.server_url: str = described["server_url"]
        self.demo: bool = described["demo"]
        # Before anything is opened: a moved clock would let an expired policy act in earnest.
        if story_clock is not None and not self.demo:
            raise StoryClockRefused(
                "the story clock works under a demo root only, and this station's root is in service; leave it out"
            )
        self.story_clock = story_clock
        # -1 is no time of a folder: the first look reads it.
        self._phones: tuple[int, dict[PhoneId, KnownPhone]] = (-1, {})
        # What a killed process left half-written goes at the next opening; nothing of it was acknowledged.
        for subfolder in (folder, *(make_folder(folder / name) for name in _SUBFOLDERS)):
            clear_leftovers(subfolder)

    @classmethod
    def open(cls, folder: Path, story_clock: Path | None = None) -> Station:
        """Return the station in `folder`."""
        return cls(folder, story_clock)

    @cached_property
    def signer(self) -> Signer:
        """The key that signs this station's reports and requests."""
        return load_signer("file:" + quote(str(self.folder / "station.key")))

    @cached_property
    def adb_keys(self) -> AdbKeys:
        """The key that phones know this station by."""
        return station_adb_key(self.folder)

    @cached_property
    def leavings(self) -> Leavings:
        """The phones that are being left."""
        return Leavings(self.folder)

    @property
    def authority_pem(self) -> bytes:
        """The certificate of the one authority whose servers this station talks to."""
        return _read(self.folder / "authority.pem")

    @property
    def trust_folder(self) -> Path:
        """Where the TUF client keeps signed metadata and the accepted bundle."""
        return self.folder / "trust"

    @property
    def spool_folder(self) -> Path:
        """Where reports wait for the server."""
        return self.folder / "spool"

    def reserve_counters(self, count: int) -> range:
        """Return so many report numbers in a row that this station never used, across processes and crashes."""
        path = self.folder / "counter"
        # A file of its own for the lock: the counter is replaced, and a lock on it would be one on the old file.
        with held_alone(self.folder / "counter.lock"):
            text = _read(path).decode("ascii", "replace").strip()
            # At most what a column of the server holds. A guess would use one twice and look like a copied station.
            if not re.fullmatch(r"[0-9]{1,18}", text):
                raise FileDamaged(
                    f"{path} is not a number; ask the server for the last one and write it there"
                )
            last = int(text)
            # On disk before the first is used: after a crash numbers are missing, never used again.
            write_durably(path, b"%d\n" % (last + count))
        return range(last + 1, last + count + 1)

    def ledger(self, phone_id: PhoneId) -> Ledger | None:
        """Return this station's copy of a phone's ledger, or None if it never touched the phone.

        Raises `FileDamaged` for a file that is no ledger: taking it for an empty one would lose what to restore.
        """
        path = self._ledger_path(phone_id)
        if not path.exists():
            return None
        try:
            return load_ledger(_read(path))
        except PolicyError as error:
            raise FileDamaged(
                f"{path} is no ledger; move it away: the phone's own copy and the server's are used then"
            ) from error

    def keep_ledger(self, phone_id: PhoneId, ledger: Ledger) -> None:
        """Put this station's copy of a phone's ledger on disk."""
        write_durably(self._ledger_path(phone_id), dump_ledger(ledger))

    def spool_position(self, phone_id: PhoneId) -> SpoolPosition | None:
        """Return up to where this station has the record of a phone's own script, None if it has none of it."""
        path = self._watch_path(phone_id)
        if not path.exists():
            return None
        described = _load_json(path)
        try:
            at = datetime.fromisoformat(described["at"])
            position = SpoolPosition(
                described["line"], described["sha256"], described["lost"], at, described["running"] is True
            )
            # A naive time would be compared with aware ones much later, and fail there.
            if at.tzinfo is None or not isinstance(position.line, int) or not isinstance(position.lost, int):
                raise ValueError("numbers and an aware time expected")
        except (KeyError, ValueError, TypeError) as error:
            raise FileDamaged(
                f"{path} does not say what was collected; move it away: the record is then collected anew"
            ) from error
        return position

    def keep_spool_position(self, phone_id: PhoneId, position: SpoolPosition | None) -> None:
        """Remember up to where a record stands in reports on disk; None forgets it with the script."""
        path = self._watch_path(phone_id)
        if position is None:
            remove_durably(path)
        else:
            write_durably(path, _json({**asdict(position), "at": position.at.isoformat()}))

    def forget_address(self, phone: KnownPhone) -> None:
        """Take a phone off the list of those that are visited; its ledger and its id stay."""
        # How debugging was found goes with it: whoever brings the phone again may have it otherwise.
        self._write_phone(replace(phone, address="", usb_debugging="", wireless_debugging=""))

    def phones(self) -> tuple[KnownPhone, ...]:
        """Return all phones this station knows, by label and id."""
        return tuple(sorted(self._known().values(), key=lambda phone: (phone.label, phone.phone_id)))

    def phone(self, phone_id: PhoneId) -> KnownPhone | None:
        """Return the phone of that id, if this station knows it."""
        return self._known().get(phone_id)

    def phone_at(self, address: str) -> KnownPhone | None:
        """Return the phone last met at `address`, if there is one."""
        return next((phone for phone in self._known().values() if address and phone.address == address), None)

    def id_of_identity(self, identity: str) -> PhoneId | None:
        """Return the id of the phone with that identity, if this station knows it."""
        return next((p.phone_id for p in self._known().values() if identity and p.identity == identity), None)

    def remember(self, phone: KnownPhone) -> None:
        """Put what is known of a phone on disk; an address belongs to the phone that had it last."""
        previous = self.phone_at(phone.address)
        # Addresses are lent: a port of another day's phone must not lead `check --all` to this one twice.
        if previous is not None and previous.phone_id != phone.phone_id:
            # Before the new one is written: killed in between, the address leads to no phone, and never to two.
            self._write_phone(replace(previous, address=""))
        self._write_phone(phone)

    def phone_identity(self, manufacturer: str, device: str, serial: str, label: str = "") -> str:
        """Return who a phone is towards the server: an HMAC that only holders of the organisation's key can make.

        A serial of its own identifies a phone whatever its label says. Raises `PlaceholderSerial` when the
        serial is one that many phones share and no label was given.
        """
        told = serial.strip()
        if _is_placeholder(told):
            if not label.strip():
                raise PlaceholderSerial(
                    f"many phones share the serial {told!r}; name this one with --label and its asset tag"
                )
            # The kind stands in front, so that a label can never pass for another phone's serial.
            who = ["label", manufacturer.strip(), device.strip(), label.strip()]
        else:
            who = ["serial", manufacturer.strip(), device.strip(), told]
        # As a JSON list: joined by a mark, another split of the same letters would be the same phone.
        message = json.dumps(["curfew-phone-identity-1", *who], separators=(",", ":")).encode()
        return hmac.new(self._organisation_key, message, hashlib.sha256).hexdigest()

    def registration_mark(self, holder: str, unit: str) -> str:
        """Return what tells this holder and unit from others, and tells neither of them without a guess and the key."""
        message = json.dumps(["curfew-registration-1", holder, unit], separators=(",", ":")).encode()
        return hmac.new(self._organisation_key, message, hashlib.sha256).hexdigest()

    @cached_property
    def _organisation_key(self) -> bytes:
        return read_organisation_key(self.folder / "organisation.key")

    def _ledger_path(self, phone_id: PhoneId) -> Path:
        return self.folder / "ledgers" / f"{PhoneId(phone_id)}.json"

    def _watch_path(self, phone_id: PhoneId) -> Path:
        return self.folder / "watched" / f"{PhoneId(phone_id)}.json"

    def _write_phone(self, phone: KnownPhone) -> None:
        # Enumerations by their value: what is on disk outlives their names in the code.
        described = {**asdict(phone), "consent": phone.consent.value}
        write_durably(self.folder / "phones" / f"{phone.phone_id}.json", _json(described))
        # Forgotten here as well: two writes within one tick of the clock give the folder the same time.
        self._phones = (-1, {})

    def _known(self) -> dict[PhoneId, KnownPhone]:
        # Every write is a rename, which changes the folder's time: another process's phones are seen too.
        folder = self.folder / "phones"
        # Looked at before its files are read: what is written meanwhile changes the time, and is read at the next look.
        changed = folder.stat().st_mtime_ns
        if changed != self._phones[0]:
            phones = [_known_phone(path) for path in sorted(folder.glob("*.json"))]
            self._phones = (changed, {phone.phone_id: phone for phone in phones})
        return self._phones[1]


_SUBFOLDERS = (
    "phones",
    "ledgers",
    "unsettled",
    "watched",
    "spool",
    "aside",
    "checked",
    "leaving",
    "papers",
    "attempts",
)


def lay_out(
    folder: Path,
    *,
    station_id: str,
    name: str,
    server_url: str,
    demo: bool,
    organisation: bytes,
    authority: bytes,
) -> None:
    """Write the files that make `folder` a station, station.json last; its key and trust stand there already."""
    for subfolder in _SUBFOLDERS:
        make_folder(folder / subfolder)
    write_durably(folder / "organisation.key", organisation.hex().encode() + b"\n")
    write_durably(folder / "authority.pem", authority)
    # Before station.json: a folder that is named a station has all that a station needs.
    write_durably(folder / "counter", b"0\n")
    described = {
        "kind": _KIND,
        "station_id": station_id,
        "name": name,
        "server_url": server_url,
        "demo": demo,
    }
    write_durably(folder / "station.json", _json(described))


def read_organisation_key(path: Path) -> bytes:
    """Return the key in `path` (64 hex digits, as `curfew-certs init` writes it); raises `FileDamaged`."""
    text = _read(path).decode("ascii", "replace").strip()
    if not _ORGANISATION_KEY.fullmatch(text):
        raise FileDamaged(
            f"expected 64 hex digits in {path}; take the organisation's key file as it was handed out"
        )
    return bytes.fromhex(text)


def _is_placeholder(serial: str) -> bool:
    lower = serial.lower()
    # Such as 0123456789ABCDEF, which makers of cheap phones burn into all of them.
    counted_up = any(digits.startswith(lower) for digits in _COUNTED_UP)
    return lower in _PLACEHOLDERS or counted_up or len(set(lower)) == 1 or lower.startswith("emulator")


def _described(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise NotEnrolled(
            f"{path.parent} is not an enrolled station; run:"
            " curfew-agent enrol CODE --name NAME --organisation-key FILE"
        )
    described = _load_json(path)
    texts = ("station_id", "name", "server_url")
    if described.get("kind") != _KIND or not isinstance(described.get("demo"), bool):
        raise FileDamaged(f"{path} does not describe a station; bring it back from a backup or enrol anew")
    if not all(isinstance(described.get(text), str) and described[text] for text in texts):
        raise FileDamaged(
            f"{path} lacks one of {', '.join(texts)}; bring it back from a backup or enrol anew"
        )
    return described


def _known_phone(path: Path) -> KnownPhone:
    described = _load_json(path)
    try:
        phone_id, consent = PhoneId(described.pop("phone_id")), Consent(described.pop("consent"))
        if not all(isinstance(value, str) for value in described.values()):
            raise ValueError("texts expected")
        return KnownPhone(phone_id, consent=consent, **described)
    except (KeyError, ValueError, TypeError) as error:
        raise FileDamaged(
            f"{path} does not describe a phone; move it away and provision the phone again"
        ) from error


def _load_json(path: Path) -> dict[str, Any]:
    try:
        described = json.loads(_read(path))
    except ValueError as error:
        raise FileDamaged(f"{path} is not JSON; bring it back from a backup") from error
    if not isinstance(described, dict):
        raise FileDamaged(f"{path} is not a JSON object; bring it back from a backup")
    return described


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileDamaged(f"{path} cannot be read ({error.strerror}); bring it back from a backup") from error


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=2, sort_keys=True).encode() + b"\n"
