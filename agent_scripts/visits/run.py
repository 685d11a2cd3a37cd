"""One run of the agent: what is known before the first phone, and what is sent after the last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from agent_scripts.errors import AgentError, ServerError
from agent_scripts.ledgers.recalled import AskServer
from agent_scripts.patience import Patience
from agent_scripts.server_link.client import ServerClient, ServerStatus
from agent_scripts.server_link.refused_bundle import tell_refusal
from agent_scripts.station_files.counters import Counters
from agent_scripts.station_files.durable_file import write_durably
from agent_scripts.station_files.hold import held_ring, note_hold
from agent_scripts.station_files.latest_reports import LatestReports
from agent_scripts.station_files.room import little_room
from agent_scripts.station_files.spool import Spool
from agent_scripts.station_files.station import Station
from agent_scripts.station_files.trusted_time import CLOCK_TOLERANCE, TrustedClock, TrustedMoment, stopwatch
from agent_scripts.visits.limits import Limits
from certs.errors import BundleRefused, CertsError
from certs.logs import Log
from certs.trust_client import AcceptedBundle, TrustClient
from policy.document import Bundle, Message, Policy
from policy.ledger import Ledger
from policy.names import PhoneId
from policy.verdict import EvaluationTime

_log = Log(__name__)

_REFRESH_BEFORE = timedelta(hours=6)
"""A timestamp this close to its end is renewed even when the server names no newer bundle."""


@dataclass(frozen=True)
class Run:
    """What one run of the agent knows before it meets a phone; the clock is read once, here.

    ``server_ledger`` asks the server for a phone's last reported ledger and returns None when there is none; it
    raises `AgentError` when the server cannot be asked. ``lasted`` tells how long ago `time` was read. ``patience``
    is for phones that cannot be read or acted on for the moment, ``limits`` for those that stay silent.
    ``server_away`` says that the server did not answer at the beginning, after several tries.
    """

    station: Station
    operator: str
    time: TrustedMoment
    accepted: AcceptedBundle | None
    language: str
    server_ledger: AskServer
    lasted: Callable[[], timedelta] = field(default_factory=stopwatch)
    patience: Patience = field(default_factory=Patience)
    limits: Limits = field(default_factory=Limits)
    server_away: bool = False
    held_ring: int | None = None
    """From which ring on the server holds the rings of this bundle; None: it holds none."""
    counters: Counters = field(init=False)
    """The numbers of its reports; of the run, for what `watch` had left would be old at its next round."""

    def __post_init__(self) -> None:
        """Take no number yet: a run may visit nobody."""
        object.__setattr__(self, "counters", Counters(self.station.reserve_counters))

    def now_for_phone(self) -> datetime:
        """Return the time to set a phone's script by: the run's, and what has passed since it was read.

        Everything else goes by `time`: a bench of phones is judged as of one moment, however long the queue.
        """
        return self.time.now + self.lasted()

    @cached_property
    def spool(self) -> Spool:
        """Where the reports of this run are kept; its folders are looked for once."""
        return Spool(self.station.spool_folder)

    @cached_property
    def latest_reports(self) -> LatestReports:
        """Where the newest report of each phone is kept for its owner's papers."""
        return LatestReports(self.station.folder)

    @property
    def bundle(self) -> Bundle | None:
        """The bundle this run judges by."""
        return self.accepted.bundle if self.accepted else None

    @property
    def policy(self) -> Policy | None:
        """The policy of that bundle."""
        return self.bundle.policy if self.bundle else None

    @property
    def evaluation_time(self) -> EvaluationTime:
        """The time of this run as the judgement takes it."""
        if self.accepted is None:
            # Never confirmed: older than any limit that a policy could set.
            return EvaluationTime(self.time.now, self.time.trusted, timedelta.max)
        # How long nobody confirmed the bundle: what limits disabling anew (docs/design.md rule 9).
        age = self.time.now - self.accepted.confirmed_at
        # Answers take different times to arrive: a run right after another may lie a little before it.
        just_now = -CLOCK_TOLERANCE < age < timedelta(0)
        return EvaluationTime(self.time.now, self.time.trusted, timedelta(0) if just_now else age)

    def language_for(self, phones: str) -> str:
        """Return in which language an owner is addressed: `phones` if the policy speaks it, else the station's."""
        messages = self.bundle.policy.messages if self.bundle else {}
        # The region counts only where the policy knows it: fr-BE is answered in fr, never the other way round.
        return next((tag for tag in (phones, phones.partition("-")[0]) if tag in messages), self.language)

    def message_for(self, phones: str) -> Message | None:
        """Return the policy's words to the owner of a phone that is set to the language `phones`, else in English."""
        messages = self.bundle.policy.messages if self.bundle else {}
        return messages.get(self.language_for(phones)) or messages.get("en")


async def begin_run(
    station: Station,
    operator: str,
    language: str,
    warn: Callable[[str], None],
    limits: Limits | None = None,
) -> Run:
    """Return the run after asking the server for its time and, if it has one, the newer bundle.

    Without a server the station goes on with what it has; every such fall-back is told through `warn`, and the
    refusal of a bundle to the server too.
    """
    # Before the first phone: once the disk is full, nothing that is done could be written down, so nothing is done.
    if problem := little_room(station.folder, len(station.phones())):
        warn(problem)
    client = ServerClient(station)
    trust = trust_client(station, client)
    clock = TrustedClock(station.folder, station.story_clock)
    accepted, refused = stored_bundle(trust)
    what = "stored"
    in_force = f"bundle {accepted.bundle.number}" if accepted else "no bundle: nothing is judged"
    status = None
    try:
        status = await asyncio.to_thread(client.status)
        # Before the bundle: whether metadata has expired is judged by the time that this answer brought.
        clock.confirm(status.server_time)
        note_hold(station.folder, status.bundle_number, status.hold, clock.read().now)
        if refused is None and _is_due(accepted, status, clock.read()):
            accepted = await asyncio.to_thread(trust.refresh, clock.read().now)
    except BundleRefused as error:
        refused, what = error, "newest"
    except (ServerError, CertsError) as error:
        warn(f"{error}. Going on with {in_force}.")
    time = clock.read()
    number = accepted.bundle.number if accepted else None
    _log.info(
        "run begun", bundle=number, time_trusted=time.trusted, refused=refused.code.value if refused else None
    )
    if refused is not None:
        warn(f"The {what} bundle is refused: {refused}. Going on with {in_force}.")
    if refused is not None and status is not None:
        await asyncio.to_thread(tell_refusal, client, refused, status.bundle_number, accepted, time.now, warn)
    return Run(
        *(station, operator, time, accepted, language, _ledger_question(client, warn)),
        limits=limits or Limits(),
        server_away=status is None,
        held_ring=held_ring(station.folder, accepted.bundle, time.now) if accepted else None,
    )


def stored_bundle(trust: TrustClient) -> tuple[AcceptedBundle | None, BundleRefused | None]:
    """Return the bundle in force, or why the one on disk cannot be used: restoring must not need it."""
    try:
        return trust.stored(), None
    except BundleRefused as refused:
        return None, refused


def _ledger_question(client: ServerClient, warn: Callable[[str], None]) -> AskServer:
    async def server_ledger(phone_id: PhoneId, marker: str) -> Ledger | None:
        try:
            return await asyncio.to_thread(client.ledger, phone_id, marker)
        except AgentError as error:
            warn(f"The server's ledger of this phone could not be had: {error}")
            raise

    return server_ledger


def trust_client(station: Station, client: ServerClient) -> TrustClient:
    """Return the station's trust, which keeps its state as durably as all else here."""
    return TrustClient(station.trust_folder, client.fetch, f"{station.server_url}/trust", write=write_durably)


def _is_due(accepted: AcceptedBundle | None, newest: ServerStatus, time: TrustedMoment) -> bool:
    return (
        accepted is None
        or newest.bundle_number != accepted.bundle.number
        or newest.fleet_number != accepted.bundle.fleet.number
        or time.now > accepted.timestamp_expires - _REFRESH_BEFORE
    )
