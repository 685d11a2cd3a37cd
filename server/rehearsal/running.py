"""Rehearsals one after another, beside what a server does: each by one thread of the process that was asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import Lock, Thread
from weakref import WeakKeyDictionary

import structlog

from policy.document import Bundle
from server.fleet import phone_states
from server.fleet.phones import count_phones
from server.policies import bundles
from server.rehearsal import kept_rehearsals
from server.rehearsal.kept_rehearsals import Ordered
from server.rehearsal.result import result_of
from server.rehearsal.trying import Plan, Walk
from server.reports.kept_reports import stored_report
from server.storage.database import Database

_log = structlog.get_logger()
_PICTURES_AT_ONCE = 200

Now = Callable[[], datetime]


def start_rehearsal(
    database: Database,
    now: Now,
    policy_bytes: bytes,
    person: str,
    draft: tuple[int, int] | None = None,
    moment: datetime | None = None,
) -> str:
    """Note a rehearsal with its audit row, let this process run it, and return its id at once.

    Raises `Malformed` for what is no policy, and `ComeLater` where enough are under way.
    """
    with database.writing() as session:
        rehearsal_id = kept_rehearsals.new_rehearsal(session, policy_bytes, person, now(), draft, moment)
    # After the commit: what is run has to be there.
    _runner(database).run(database, rehearsal_id, now)
    return rehearsal_id


def run_rehearsal(database: Database, rehearsal_id: str, now: Now) -> None:
    """Run a rehearsal that was noted; what came out, or why nothing did, is kept with it."""
    try:
        _run(database, rehearsal_id, now)
    except Exception as error:  # a thread has nobody above it: whatever it was must be told by the rehearsal
        _log.exception("rehearsal failed", rehearsal=rehearsal_id)
        with database.writing() as session:
            kept_rehearsals.note_failure(
                session, rehearsal_id, f"{type(error).__name__}: the server's log says more"
            )


class _Runner:
    """The thread that runs rehearsals in their order, as long as there are any."""

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._lock = Lock()

    def run(self, database: Database, rehearsal_id: str, now: Now) -> None:
        with self._lock:
            self._waiting.append(rehearsal_id)
            if len(self._waiting) > 1:
                return
        # A server that ends does not wait for it: the rehearsal then shows as stopped.
        Thread(target=self._work, args=(database, now), name="rehearsals", daemon=True).start()

    def waiting(self) -> list[str]:
        with self._lock:
            return list(self._waiting)

    def _work(self, database: Database, now: Now) -> None:
        while True:
            try:
                run_rehearsal(database, self.waiting()[0], now)
            except Exception:
                # Not even that it failed could be noted: it will show as stopped, and the next has its turn.
                _log.exception("rehearsal lost")
            with self._lock:
                del self._waiting[0]
                if not self._waiting:
                    return


# One a process and database, made when it is first asked.
_runners: WeakKeyDictionary[Database, _Runner] = WeakKeyDictionary()
_runners_lock = Lock()


def _runner(database: Database) -> _Runner:
    with _runners_lock:
        return _runners.setdefault(database, _Runner())


def _run(database: Database, rehearsal_id: str, now: Now) -> None:
    _take_missing_pictures(database, rehearsal_id, now)
    with database.reading() as session:
        plan = _plan(database, kept_rehearsals.ordered(session, rehearsal_id), now())
        walk, total = Walk(plan), count_phones(session)
        for pieces in walk.pieces(session):
            # In a transaction of its own: reports are stored meanwhile, and none of them waits for long.
            with database.writing() as writing:
                kept_rehearsals.keep_phones(writing, rehearsal_id, pieces)
                kept_rehearsals.note_progress(writing, rehearsal_id, walk.tally.phones, total)
            _note_alive(database, rehearsal_id, now)
    with database.writing() as session:
        kept_rehearsals.note_result(session, rehearsal_id, result_of(plan, walk.tally))


def _plan(database: Database, wanted: Ordered, now: datetime) -> Plan:
    with database.reading() as session:
        here = bundles.situation_and_history(session, now)
    number, policy = kept_rehearsals.policy_of(wanted.policy_bytes)
    in_force = here.bundle
    if in_force is None:
        bundle = Bundle(number, policy)
    elif policy == in_force.policy:
        bundle = in_force
    else:
        # A draft that is published gets a new number, whatever stands in it by now: what was given up is tried anew.
        bundle = Bundle(max(number, in_force.number + 1), policy, in_force.fleet)
    judged_by = {one.bundle.number: one.bundle.policy for one in here.publications}
    return Plan(bundle, in_force, judged_by, wanted.moment, now)


def _take_missing_pictures(database: Database, rehearsal_id: str, now: Now) -> None:
    """Keep the pictures of reports that came before there were any."""
    after: str | None = ""
    while after is not None:
        with database.writing() as session:
            missing = phone_states.without_picture(session, after, _PICTURES_AT_ONCE)
            for _, report_id in missing:
                report = stored_report(session, report_id)
                if report is not None:
                    phone_states.give_picture(session, report)
        after = missing[-1][0] if missing else None
        if missing:
            _note_alive(database, rehearsal_id, now)


def _note_alive(database: Database, rehearsal_id: str, now: Now) -> None:
    waiting = _runner(database).waiting()
    with database.writing() as session:
        kept_rehearsals.note_alive(session, [rehearsal_id, *waiting], now())
