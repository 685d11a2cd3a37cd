"""``curfew-certs approve`` and ``fetch`` against a running server: approvers on machines of their own, which believe
nothing of it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from certs.cli import main
from certs.errors import ContentMismatch, FileMissing
from certs.fetching import fetch_publication
from certs.keys import load_signer
from certs.repository import publication_files, publish, sign_fleet, sign_policy
from certs.trust_client import TrustClient
from policy.document import Fleet
from policy.schemas import dump_fleet, dump_policy_document
from server.errors import PublicationRefused
from server.policies.bundles import newest
from tests.agent.small_server import Asked, SmallServer, Told, running_server
from tests.server.approving import Approving, later
from tests.server.authority import Authority, TrustFolder, banning_policy

Change = Callable[[Asked, Told], Told]


def unchanged(_: Asked, told: Told) -> Told:
    return told


class Machine:
    """An approver's own computer: a key, a folder, and the server's TLS authority."""

    def __init__(
        self,
        here: Approving,
        server: SmallServer,
        number: int,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.here, self.server, self.number, self.folder = here, server, number, folder
        self._monkeypatch, self._capsys = monkeypatch, capsys
        folder.mkdir(mode=0o700)
        shutil.copy(here.key(number), folder / "approver.pem")

    def types(self, *words: str) -> tuple[int, str]:
        """Return exit code and what was said."""
        self._monkeypatch.setenv("CURFEW_TOKEN", self.here.approver(self.number).token)
        self._monkeypatch.setenv("COLUMNS", "200")
        code = main(list(words))
        said = self._capsys.readouterr()
        return code, said.out + said.err

    def approves(self, place: str, *options: str, trust: Path | None = None) -> tuple[int, str]:
        own = trust or self.folder / "own"
        tls = self.server.tls / "authority.pem"
        key = self.folder / "approver.pem"
        return self.types(
            "approve", place, "--key", str(key), "--trust", str(own), "--authority", str(tls), *options
        )


class World:
    """The server, what it is told to alter on the way out, and the machines beside it."""

    def __init__(
        self,
        here: Approving,
        server: SmallServer,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        folder: Path,
    ) -> None:
        self.here, self.server = here, server
        self.alter: Change = unchanged
        self._rest = (monkeypatch, capsys)
        self._folder = folder

    def machine(self, number: int) -> Machine:
        place = self._folder / f"machine-{number}"
        return Machine(self.here, self.server, number, place, *self._rest)

    def page(self, draft: int) -> str:
        return f"{self.server.url}/drafts/{draft}"

    @property
    def in_force(self) -> int:
        with self.here.authority.database.reading() as session:
            return newest(session).number

    @property
    def root_sha256(self) -> str:
        first = self.here.authority.trust.path / "metadata" / "1.root.json"
        return hashlib.sha256(first.read_bytes()).hexdigest()

    def fetch(self, url: str, longest: int) -> bytes:
        """Return a trust file as a station's client does."""
        answer = self.here.client.get(f"/trust/{url.removeprefix('https://server/trust/').lstrip('/')}")
        if answer.status_code == 404:
            raise FileMissing(url)
        return bytes(answer.data[: longest + 1])


@pytest.fixture
def here(service_authority: Authority, service_trust: TrustFolder) -> Approving:
    service_authority.trust = service_trust.copy(service_authority.folder / "trust")
    return Approving(service_authority)


@pytest.fixture
def world(
    here: Approving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[World]:
    def answer(asked: Asked) -> Told:
        answered = here.client.open(asked.path, method=asked.method, headers=asked.headers, data=asked.body)
        return made.alter(asked, Told(answered.status_code, answered.data))

    with running_server(here.authority.config.tls_folder, answer) as running:
        made = World(here, running, monkeypatch, capsys, tmp_path)
        yield made


def proposed(world: World, **changes: object) -> int:
    draft = world.here.draft(**changes)  # type: ignore[arg-type]
    world.here.propose(draft)
    return draft


# The road ---------------------------------------------------------------------------------------------------------


def test_two_approvers_on_their_own_machines_publish_and_a_station_accepts(
    world: World, tmp_path: Path
) -> None:
    station = TrustClient(tmp_path / "station", world.fetch, "https://server/trust")
    station.bootstrap(world.fetch("1.root.json", 1 << 20), world.root_sha256)
    assert station.refresh(datetime.now(UTC)).bundle.number == 1
    draft = proposed(world)
    # One has a copy of the trust folder; the other pins the root by its hash.
    code, said = world.machine(1).approves(world.page(draft), "--yes", trust=world.here.authority.trust.path)
    assert code == 0
    assert "others have to sign, too" in said
    code, said = world.machine(2).approves(world.page(draft), "--yes", "--root-sha256", world.root_sha256)
    assert code == 0
    assert "complete and published" in said
    assert station.refresh(datetime.now(UTC)).bundle.number == 2


def test_what_is_shown_comes_from_the_bytes_with_what_changed(world: World) -> None:
    machine = world.machine(1)
    _, said = machine.approves(world.page(proposed(world)), "--yes", "--root-sha256", world.root_sha256)
    assert "Next, number 2" in said
    assert "new" in said
    assert "gone" in said
    assert "follows on bundle 1, verified here" in said
    assert 'the server says, and nothing here proves it:\n  draft 1 "Ban more", revision 1' in said
    assert "no rehearsal of these bytes is known" in said


def test_whoever_says_no_signs_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = proposed(world)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    code, said = world.machine(1).approves(world.page(draft), "--root-sha256", world.root_sha256)
    assert code == 1
    assert "Approve this as policy number 2?" in said
    assert "stopped" in said
    assert world.here.proposal(draft).signed == ()


def test_a_machine_without_network_signs_a_file(world: World, tmp_path: Path) -> None:
    draft = proposed(world)
    status, told = world.here.ask("GET", f"/drafts/{draft}/proposal", world.here.author)
    assert status == 200
    (tmp_path / "proposal.json").write_text(json.dumps(told))
    machine, out = world.machine(1), tmp_path / "signature.json"
    options = ("--yes", "--root-sha256", world.root_sha256, "--out", str(out))
    world.server.asked.clear()
    code, said = machine.approves(str(tmp_path / "proposal.json"), *options)
    assert (code, world.server.asked) == (0, [])
    assert f"hand it in on the page of draft {draft}" in said
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    answer = world.here.ask(
        "POST", f"/drafts/{draft}/approvals", world.here.approver(1), json.loads(out.read_text())
    )
    assert answer[1]["outcome"] == "stored"


def test_a_file_needs_a_place_for_the_signature(world: World, tmp_path: Path) -> None:
    (tmp_path / "proposal.json").write_text("{}")
    code, said = world.machine(1).approves(str(tmp_path / "proposal.json"))
    assert code == 2
    assert "--out" in said


def test_an_author_is_told_to_let_somebody_else_sign(world: World) -> None:
    draft = world.here.draft(by=world.here.approver(1))
    world.here.propose(draft)
    code, said = world.machine(1).approves(world.page(draft), "--yes", "--root-sha256", world.root_sha256)
    assert code == 1
    assert "approver-1 wrote a part of this draft" in said
    assert "an approver who wrote nothing of this draft" in said


def test_signing_twice_is_no_error(world: World) -> None:
    draft, machine = proposed(world), world.machine(1)
    assert machine.approves(world.page(draft), "--yes", "--root-sha256", world.root_sha256)[0] == 0
    code, said = machine.approves(world.page(draft), "--yes")
    assert code == 0
    assert "had signed the same bytes before" in said


def test_a_proposal_that_takes_none_is_not_signed(world: World) -> None:
    draft = proposed(world)
    world.here.revise(draft, world.here.author, name="Other")
    code, said = world.machine(1).approves(world.page(draft), "--yes", "--root-sha256", world.root_sha256)
    assert code == 1
    assert "takes no signatures" in said


@pytest.mark.parametrize(
    "address", ["{}", "{}/bundles", "{}/drafts/", "{}/drafts/0", "http://127.0.0.1/drafts/1"]
)
def test_an_address_that_is_no_drafts_page_is_refused(world: World, address: str) -> None:
    code, said = world.machine(1).approves(address.format(world.server.url), "--yes")
    assert code == 1
    assert "expected" in said
    assert "address" in said


# Whom a machine believes --------------------------------------------------------------------------------------------


def test_without_a_pinned_root_nothing_is_believed(world: World) -> None:
    code, said = world.machine(1).approves(world.page(proposed(world)), "--yes")
    assert code == 1
    assert "--root-sha256" in said


def test_another_root_than_the_pinned_one_is_refused(world: World) -> None:
    machine = world.machine(1)
    code, said = machine.approves(world.page(proposed(world)), "--yes", "--root-sha256", "0" * 64)
    assert code == 1
    assert "nothing was signed" in said


def test_the_pinned_root_is_remembered_in_a_folder_that_is_closed_to_others(world: World) -> None:
    draft, machine = proposed(world), world.machine(1)
    machine.approves(world.page(draft), "--yes", "--root-sha256", world.root_sha256)
    assert stat.S_IMODE((machine.folder / "own").stat().st_mode) == 0o700
    code, said = machine.approves(world.page(draft), "--yes", "--root-sha256", "0" * 64)
    assert code == 1
    assert "expected the root with SHA-256 0000" in said


def test_an_old_publication_is_refused_by_a_machine_that_has_seen_a_newer_one(world: World) -> None:
    first = proposed(world)
    _, old = world.here.ask("GET", f"/drafts/{first}/proposal", world.here.author)
    machine = world.machine(1)
    machine.approves(world.page(first), "--yes", "--root-sha256", world.root_sha256)
    world.here.approve(first, 2)
    second = world.here.draft(number=3)
    world.here.propose(second)
    assert machine.approves(world.page(second), "--yes")[0] == 0
    world.alter = lambda _, told: Told(200, json.dumps(old).encode())
    code, said = machine.approves(world.page(first), "--yes")
    assert code == 1
    assert "old copy" in said


# A server that lies -------------------------------------------------------------------------------------------------


def altering(**fields: object) -> Change:
    """Let the server tell other things than it knows; what is None is computed from what it told."""

    def alter(asked: Asked, told: Told) -> Told:
        if asked.method != "GET":
            return told
        return Told(told.status, json.dumps(json.loads(told.body) | fields).encode())

    return alter


def test_a_policy_exchanged_behind_its_hash_is_not_signed(world: World) -> None:
    draft = proposed(world)
    harmless = base64.b64encode(dump_policy_document(2, banning_policy(lifted=True))).decode()
    world.alter = altering(policy=harmless)
    code, said = world.machine(1).approves(world.page(draft), "--yes", "--root-sha256", world.root_sha256)
    assert code == 1
    assert "its hash differs" in said
    assert world.here.proposal(draft).signed == ()


def test_a_false_rehearsal_is_shown_as_the_servers_word_and_changes_no_byte(world: World) -> None:
    draft = proposed(world)
    told = {"rehearsed_at": "2023-03-15T12:00:00Z", "phones": 9, "blocked_share": 0.0}
    world.alter = altering(rehearsal=told, proposed_by="\x1b[2Jnobody")
    code, said = world.machine(1).approves(world.page(draft), "--yes", "--root-sha256", world.root_sha256)
    assert code == 0
    assert "nothing here proves it" in said.partition("rehearsed at 2023-03-15")[0]
    assert "\x1b" not in said
    assert len(world.here.proposal(draft).signed) == 1


@pytest.mark.parametrize(
    "fields",
    [{"kind": "x"}, {"policy": "?"}, {"published": []}, {"until": "soon"}, {"draft_id": "1"}, {"signed": 1}],
)
def test_an_answer_without_the_agreed_form_is_no_proposal(world: World, fields: dict[str, object]) -> None:
    draft = proposed(world)
    world.alter = altering(**fields)
    code, said = world.machine(1).approves(world.page(draft), "--yes", "--root-sha256", world.root_sha256)
    assert code == 1
    assert "expected a proposal" in said


def test_an_endless_answer_is_given_up(world: World) -> None:
    draft = proposed(world)
    world.alter = lambda _asked, _told: Told(200, b" " * (8 * 1024 * 1024 + 1))
    code, said = world.machine(1).approves(world.page(draft), "--yes", "--root-sha256", world.root_sha256)
    assert code == 1
    assert "more than 8388608 bytes" in said


# The trust folder beside it -----------------------------------------------------------------------------------------


def approved(world: World) -> None:
    draft = proposed(world)
    world.here.approve(draft, 1)
    world.here.approve(draft, 2)


def fetched(world: World) -> tuple[int, str]:
    return world.machine(1).types("fetch", str(world.here.authority.trust.path), world.server.url)


def test_a_folder_takes_over_what_the_server_published_and_goes_on_from_there(world: World) -> None:
    approved(world)
    code, said = fetched(world)
    assert (code, "bundle 2" in said) == (0, True)
    world.here.authority.trust.publish(3, banning_policy(name="Third"))
    world.here.authority.publish()
    assert world.in_force == 3


def test_a_folder_that_is_behind_is_refused_with_the_command_that_brings_it_up(world: World) -> None:
    approved(world)
    trust = world.here.authority.trust
    trust.publish(2, banning_policy(name="Another"))
    with pytest.raises(PublicationRefused, match="curfew-certs fetch FOLDER URL"):
        world.here.authority.publish()
    assert world.in_force == 2


def test_exemptions_of_a_folder_that_is_behind_need_the_same(world: World) -> None:
    approved(world)
    trust = world.here.authority.trust
    sign_fleet(trust.path, dump_fleet(Fleet(1)), load_signer(str(trust.path / "keys" / "fleet.pem")), later())
    publish(trust.path, later())
    with pytest.raises(PublicationRefused, match="curfew-certs fetch FOLDER URL"):
        world.here.authority.publish()


def test_a_draft_in_the_folder_that_was_overtaken_is_thrown_away(world: World) -> None:
    trust = world.here.authority.trust
    sign_policy(
        trust.path, dump_policy_document(2, banning_policy()), load_signer(str(world.here.key(1))), later()
    )
    approved(world)
    code, said = fetched(world)
    assert code == 0
    assert "was overtaken and is thrown away" in said
    assert not list((trust.path / "draft").rglob("*.json"))


def test_a_folder_that_published_what_no_server_took_is_not_overwritten(world: World) -> None:
    approved(world)
    trust = world.here.authority.trust
    trust.publish(2, banning_policy(name="Another"))
    before = publication_files(trust.path)
    code, said = fetched(world)
    assert code == 1
    assert "never took over" in said
    assert publication_files(trust.path) == before


def test_a_forged_publication_is_not_taken_over(world: World) -> None:
    approved(world)
    trust = world.here.authority.trust
    before = publication_files(trust.path)

    def forging(name: str, longest: int) -> bytes:
        data = world.fetch(name, longest)
        return data.replace(b"Next", b"Text") if "policy" in name else data

    with pytest.raises(ContentMismatch):
        fetch_publication(trust.path, forging, datetime.now(UTC))
    assert publication_files(trust.path) == before
