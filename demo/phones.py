"""The seven phones: started, owned, and looked at from inside, never through the agent's answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent_scripts.virtual_phone.phone import VirtualPhone
from demo.errors import StoryBroken
from demo.story import CAST, MANAGED, Chapter, Member, ring_one
from policy.names import PhoneId
from policy.stage import share_of

Original = dict[str, int]


class Phones:
    """The cast on their own ports, with the enabled states that their managed apps had before anybody came."""

    def __init__(self, phones: dict[Member, VirtualPhone], ports: dict[Member, int]) -> None:
        self._phones = phones
        self.addresses = {member: f"tcp:127.0.0.1:{port}" for member, port in ports.items()}
        self._before = {member: self._enabled_states(member) for member in phones}
        self._ring_one = 0.0

    def divide(self) -> float:
        """Divide the phones, which are provisioned by now, into two rings; returns up to which share ring one goes."""
        self._ring_one = ring_one({member: self._share(member) for member in self._phones})
        return self._ring_one

    def owners_allow(self) -> None:
        """Every owner taps Allow when the phone asks about the station's key."""
        for phone in self._phones.values():
            phone.authorise_all = True

    def owners_remove_the_app(self) -> list[Member]:
        """The owners who give in remove the banned app; returns their phones."""
        giving_in = [member for member in CAST if member.owner_removes and member.banned_in is not None]
        for member in giving_in:
            assert member.banned_in is not None
            self._phones[member].model.uninstall(member.banned_in, member.banned)
        return giving_in

    def judge(self, chapter: Chapter) -> list[str]:
        """Return a technician's line per phone, from the phones' own state.

        Raises `StoryBroken` naming every phone that is not as the story says after `chapter`.
        """
        wrong, lines = [], []
        for member in CAST:
            now, before = self._enabled_states(member), self._before[member]
            # 3 is what `disable-user` leaves (docs/android/commands.md 6.1); whoever is not off has to be
            # exactly as before.
            expected = dict.fromkeys(MANAGED, 3) if self._is_off(member, chapter) else before
            if now != expected:
                wrong.append(f"{member.label}: expected {expected}, the phone has {now}")
            lines.append(f"{member.label}: {self._words(member, chapter)}")
        if wrong:
            raise StoryBroken("\n".join(wrong))
        return lines

    def _words(self, member: Member, chapter: Chapter) -> str:
        if self._is_off(member, chapter):
            return f"mail and Skype are off in user {member.place}, {member.banned} is in user {member.banned_in}"
        if member.banned_in is None:
            return "never touched"
        in_turn = chapter is not Chapter.RING_ONE or self._share(member) < self._ring_one
        if chapter is Chapter.REMIND or not in_turn:
            return "violating; reminded, not touched yet"
        if not member.enforceable and chapter is not Chapter.LIFTED:
            return "violating, but its place is closed to the shell: the mail side must block it; not touched"
        return "mail and Skype are exactly as they were before"

    def _is_off(self, member: Member, chapter: Chapter) -> bool:
        return member.is_off(chapter, in_ring_one=self._share(member) < self._ring_one)

    def _share(self, member: Member) -> float:
        root = self._phones[member].userland.root
        return share_of(PhoneId((root / "data/local/tmp/curfew/phone_id").read_text().strip()))

    def _enabled_states(self, member: Member) -> Original:
        model = self._phones[member].model
        return {package: int(model.state(member.place, package).enabled) for package in MANAGED}


@contextmanager
def started(folder: Path) -> Iterator[Phones]:
    """Start the cast, each phone with a folder and a port of its own, and stop them all at the end."""
    phones = {member: VirtualPhone(member.personality, folder / member.personality) for member in CAST}
    try:
        ports = {member: phone.start() for member, phone in phones.items()}
        yield Phones(phones, ports)
    finally:
        for phone in phones.values():
            phone.stop()
