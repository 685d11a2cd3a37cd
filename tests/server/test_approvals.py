"""Approving on the server: each signature is verified before it is taken, and each refusal has its own answer."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from certs.keys import load_signer
from certs.proposal import make_proposal, sign_proposal
from certs.rotation import rotate
from policy.document import Exemption
from policy.rehearsal import Outcome
from policy.schemas import dump_policy_document
from server.drafts import proposals
from server.drafts.drafts import DraftEnd, find_draft
from server.drafts.set_times import publish_due_proposals
from server.people.people import Role
from server.policies.bundles import newest
from server.rehearsal.kept_rehearsals import new_rehearsal, note_result
from server.running.due_work import do_what_is_due
from server.storage.database import Database
from tests.server.approving import Approving, later, refused
from tests.server.authority import NOW, Authority, TrustFolder, banning_policy


@pytest.fixture
def here(service_authority: Authority, service_trust: TrustFolder) -> Approving:
    service_authority.trust = service_trust.copy(service_authority.folder / "trust")
    return Approving(service_authority)


def in_force(here: Approving) -> int:
    with here.authority.database.reading() as session:
        return newest(session).number


# The road ---------------------------------------------------------------------------------------------------------


def test_two_approvers_publish_what_the_author_proposed(here: Approving) -> None:
    draft = here.draft()
    assert here.propose(draft).missing == ("approver-1", "approver-2")
    status, answer = here.approve(draft, 1)
    assert (status, answer["outcome"], answer["signed"], answer["needed"]) == (200, "stored", 1, 2)
    assert in_force(here) == 1
    assert here.proposal(draft).missing == ("approver-2",)
    assert here.approve(draft, 2)[1]["outcome"] == "published"
    assert in_force(here) == 2
    assert here.closed(draft) is DraftEnd.PUBLISHED


def test_each_step_of_the_road_is_an_audit_row(here: Approving) -> None:
    draft = here.draft()
    here.propose(draft)
    here.approve(draft, 1)
    here.approve(draft, 2)
    rows = [(actor, action) for actor, action, _ in here.audited() if actor != "test"][:6]
    assert rows == [
        ("approver-2", "bundle published"),
        ("approver-2", "draft approved"),
        ("approver-2", "approver key bound"),
        ("approver-1", "draft approved"),
        ("approver-1", "approver key bound"),
        ("author", "draft proposed"),
    ]
    assert here.audited()[0][2]["draft"] == draft


def test_exemptions_stay_as_they_were_published(here: Approving) -> None:
    phone = here.authority.phone(here.authority.bench())
    here.authority.trust.publish_fleet(1, Exemption(phone, later(days=9), "field_test"))
    here.authority.publish()
    here.configure(rehearsal_required=False)
    draft = here.draft()
    here.propose(draft)
    here.approve(draft, 1)
    here.approve(draft, 2)
    with here.authority.database.reading() as session:
        found = proposals.published_base(session)
    assert found.document[0] == 2
    assert [action for _, action, _ in here.audited()].count("phone exempted") == 1


def test_a_lift_is_one_draft_and_one_approval(here: Approving) -> None:
    draft = here.draft(lifted=True)
    here.propose(draft)
    here.approve(draft, 1)
    here.approve(draft, 2)
    with here.authority.database.reading() as session:
        assert proposals.published_base(session).document[1].lifted


# Who does not count -----------------------------------------------------------------------------------------------


def test_who_wrote_the_draft_does_not_approve_it(here: Approving) -> None:
    both = here.someone("both", Role.AUTHOR, Role.APPROVER)
    draft = here.draft(by=both)
    here.propose(draft)
    assert "both wrote a part of this draft" in refused(
        here.approve(draft, 1, both), 403, "author_cannot_approve"
    )
    assert here.proposal(draft).signed == ()
    actor, action, detail = here.audited()[0]
    assert (actor, action, detail["reason"]) == ("both", "approval refused", "author_cannot_approve")


def test_who_wrote_an_earlier_revision_does_not_approve_either(here: Approving) -> None:
    both = here.someone("both", Role.AUTHOR, Role.APPROVER)
    draft = here.draft(by=both)
    here.revise(draft, here.author, name="Rewritten")
    here.propose(draft)
    refused(here.approve(draft, 1, both), 403, "author_cannot_approve")


def test_an_authors_key_does_not_approve_in_anothers_hand(here: Approving) -> None:
    both = here.someone("both", Role.AUTHOR, Role.APPROVER)
    first = here.draft()
    here.propose(first)
    assert here.approve(first, 1, both)[0] == 200
    here.ask("DELETE", f"/drafts/{first}/proposal", here.author)
    second = here.draft(by=both, name="Another")
    here.propose(second)
    assert "belongs to somebody who wrote" in refused(
        here.approve(second, 1, here.approver(2)), 403, "key_of_author"
    )


def test_a_key_that_signed_for_one_account_is_refused_from_another(here: Approving) -> None:
    draft = here.draft()
    here.propose(draft)
    assert here.approve(draft, 1)[0] == 200
    assert "has signed for another account" in refused(
        here.approve(draft, 1, here.approver(2)), 403, "key_of_another"
    )


def test_one_person_with_two_keys_is_one_approver(here: Approving) -> None:
    draft = here.draft()
    here.propose(draft)
    here.approve(draft, 1)
    refused(here.approve(draft, 2, here.approver(1)), 409, "person_has_signed")
    assert in_force(here) == 1


def test_who_may_not_approve_is_told_whom_to_ask(here: Approving) -> None:
    draft = here.draft()
    here.propose(draft)
    refused(here.approve(draft, 1, here.someone("desk", Role.TECHNICIAN)), 403, "right_missing")


def test_a_key_that_was_rotated_out_is_refused(here: Approving) -> None:
    draft = here.draft()
    old = here.propose(draft)
    signature = here.signature(old, 1)
    trust = here.authority.trust
    rotate(
        trust.path, "targets", [load_signer(str(trust.path / "keys" / "root.pem"))], NOW, retire="approver-1"
    )
    trust.publish(1, banning_policy())
    here.authority.publish()
    assert "overtaken" in refused(here.hand_in(draft, signature, here.approver(1)), 409, "proposal_overtaken")
    new = here.propose(draft)
    revoked = replace(signature, signed_sha256=new.proposal.signed_sha256)
    assert "no approver's under the newest root" in refused(
        here.hand_in(draft, revoked, here.approver(1)), 403, "key_not_approver"
    )


def test_a_key_that_root_never_named_is_refused(here: Approving) -> None:
    draft = here.draft()
    signature = here.signature(here.propose(draft), 1)
    refused(
        here.hand_in(draft, replace(signature, key_id="0" * 64), here.approver(1)), 403, "key_not_approver"
    )


# What does not count ----------------------------------------------------------------------------------------------


def test_signing_twice_is_told_and_changes_nothing(here: Approving) -> None:
    draft = here.draft()
    here.propose(draft)
    here.approve(draft, 1)
    rows = here.audited()
    status, answer = here.approve(draft, 1)
    assert (status, answer["outcome"], answer["signed"]) == (200, "already_signed", 1)
    assert here.audited() == rows


def test_a_signature_handed_in_again_after_publishing_is_no_error(here: Approving) -> None:
    draft = here.draft()
    document = here.propose(draft)
    here.approve(draft, 1)
    here.approve(draft, 2)
    again = here.hand_in(draft, here.signature(document, 2), here.approver(2))
    assert again[0] == 200
    assert again[1]["outcome"] == "already_signed"


def test_a_signature_over_other_bytes_is_refused(here: Approving) -> None:
    draft = here.draft()
    document = here.propose(draft)
    with here.authority.database.reading() as session:
        base = proposals.published_base(session)
    other = make_proposal(base, dump_policy_document(2, banning_policy(lifted=True)), NOW)
    approval = sign_proposal(other, base, load_signer(str(here.key(1))))
    assert "for other bytes" in refused(
        here.hand_in(draft, approval, here.approver(1)), 409, "signature_of_other_bytes"
    )
    forged = replace(approval, signed_sha256=document.proposal.signed_sha256)
    assert "does not hold" in refused(
        here.hand_in(draft, forged, here.approver(1)), 409, "signature_of_other_bytes"
    )
    assert here.proposal(draft).signed == ()


def test_a_change_of_the_draft_ends_the_proposal(here: Approving) -> None:
    draft = here.draft()
    document = here.propose(draft)
    here.approve(draft, 1)
    here.revise(draft, here.author, name="Other")
    late = here.hand_in(draft, here.signature(document, 2), here.approver(2))
    assert "the draft was changed since" in refused(late, 409, "proposal_changed")
    assert here.propose(draft).signed == ()


def test_another_publication_ends_the_proposal(here: Approving) -> None:
    draft, other = here.draft(), here.draft(name="Faster")
    document = here.propose(draft)
    here.propose(other)
    here.approve(other, 1)
    here.approve(other, 2)
    late = here.hand_in(draft, here.signature(document, 1), here.approver(1))
    assert "another publication came first" in refused(late, 409, "proposal_overtaken")
    refused(here.ask("POST", f"/drafts/{draft}/proposal", here.author, {}), 409, "draft_not_proposable")


def test_after_its_end_no_signature_is_taken(here: Approving) -> None:
    draft = here.draft()
    before = datetime.now(UTC)
    document = here.propose(draft)
    # By the server's own clock: how long ago this run began is another matter.
    assert before <= document.until - timedelta(days=14) <= datetime.now(UTC)
    with here.authority.database.writing() as session:
        session.execute(proposals.ProposalTable.__table__.update().values(until=NOW - timedelta(hours=1)))  # type: ignore[attr-defined]
    late = here.hand_in(draft, here.signature(document, 1), here.approver(1))
    assert "in time" in refused(late, 409, "proposal_over")
    assert here.propose(draft).state == "open"


def test_a_withdrawn_proposal_takes_no_signature(here: Approving) -> None:
    draft = here.draft()
    document = here.propose(draft)
    status, answer = here.ask("DELETE", f"/drafts/{draft}/proposal", here.author)
    assert (status, answer["revision"]) == (200, 1)
    late = here.hand_in(draft, here.signature(document, 1), here.approver(1))
    refused(late, 409, "proposal_withdrawn")
    refused(here.ask("DELETE", f"/drafts/{draft}/proposal", here.author), 409, "proposal_not_open")


def test_a_signature_for_one_draft_is_refused_at_another(here: Approving) -> None:
    draft, other = here.draft(), here.draft(name="Other")
    signature = here.signature(here.propose(draft), 1)
    here.propose(other)
    answer = here.hand_in(other, signature, here.approver(1), draft_id=draft)
    refused(answer, 409, "approval_of_another_draft")
    refused(here.hand_in(other, signature, here.approver(1)), 409, "signature_of_other_bytes")


@pytest.mark.parametrize(
    "change",
    [
        {"signature": "zz"},
        {"signature": "00" * 600},
        {"key_id": "short"},
        {"signed_sha256": "0" * 65},
        {"kind": "other"},
        {"draft_id": True},
        {"more": 1},
    ],
)
def test_what_is_no_approval_is_refused_at_the_door(here: Approving, change: dict[str, object]) -> None:
    draft = here.draft()
    signature = here.signature(here.propose(draft), 1)
    status, _ = here.hand_in(draft, signature, here.approver(1), **change)
    assert status in (400, 422)


def test_a_draft_that_is_not_there_or_was_not_proposed_says_so(here: Approving) -> None:
    draft = here.draft()
    refused(here.ask("GET", f"/drafts/{draft}/proposal", here.author), 404, "proposal_missing")
    refused(here.ask("GET", "/drafts/99/proposal", here.author), 404, "draft_unknown")


# Proposing --------------------------------------------------------------------------------------------------------


def test_a_revision_is_proposed_once(here: Approving) -> None:
    draft = here.draft()
    here.propose(draft)
    again = here.ask("POST", f"/drafts/{draft}/proposal", here.author, {})
    assert "proposed already, by author" in refused(again, 409, "proposal_open")


def test_a_server_without_online_keys_sends_approvers_to_the_trust_folder(here: Approving) -> None:
    here.configure(trust_keys=None)
    answer = here.ask("POST", f"/drafts/{here.draft()}/proposal", here.author, {})
    assert "sign and publish in the trust folder" in refused(answer, 409, "draft_not_proposable")


def test_a_policy_whose_end_is_over_is_not_proposed(here: Approving) -> None:
    over: dict[str, Any] = {
        "deadline": later(days=-9),
        "review_at": later(days=-8),
        "ends_at": later(days=-7),
    }
    answer = here.ask("POST", f"/drafts/{here.draft(**over)}/proposal", here.author, {})
    assert "set ends_at later" in refused(answer, 409, "draft_not_proposable")


def test_a_new_deadline_in_the_past_is_told_before_anybody_signs(here: Approving) -> None:
    warnings = here.propose(here.draft(deadline=later(days=-3))).warnings
    assert [warning.partition(":")[0] for warning in warnings] == ["DEADLINE IN THE PAST"]
    assert here.propose(here.draft()).warnings == ()


def test_with_phones_what_nobody_rehearsed_is_not_proposed(here: Approving) -> None:
    here.authority.phone(here.authority.bench())
    draft = here.draft()
    answer = here.ask("POST", f"/drafts/{draft}/proposal", here.author, {})
    refused(answer, 409, "rehearsal_missing")
    here.configure(rehearsal_required=False)
    assert here.propose(draft).rehearsal is None


# What a rehearsal says ----------------------------------------------------------------------------------------------


def rehearsed(here: Approving, draft_id: int, share: float | None, moment: datetime | None = None) -> int:
    """Keep a rehearsal of a draft that found this on a thousand phones, and return the draft."""
    known = 0 if share is None else 1000
    outcomes = dict.fromkeys([outcome.value for outcome in Outcome], 0)
    outcomes |= {"blocked": round(known * (share or 0))}
    result = {"phones": 1000, "known": known, "outcomes": outcomes, "blocked_share": share or 0.0}
    with here.authority.database.writing() as session:
        document = find_draft(session, draft_id).document
        # One as of a moment of its own is newer than those as of the usual one.
        started = later(minutes=1) if moment else NOW
        made = new_rehearsal(session, document, "author-1", started, (draft_id, 1), moment)
        note_result(session, made, result)
    return draft_id


@pytest.mark.parametrize(("share", "count"), [(None, 2), (0.2, 2), (0.201, 3), (1.0, 3)])
def test_where_many_would_be_blocked_one_more_has_to_sign(
    here: Approving, share: float | None, count: int
) -> None:
    draft = rehearsed(here, here.draft(), share)
    document = here.propose(draft)
    assert document.needed == count
    here.approve(draft, 1)
    outcome = here.approve(draft, 2)[1]
    assert (outcome["outcome"], outcome["needed"]) == ("published" if count == 2 else "stored", count)
    assert bool(document.needed_because) == (count == 3)


@pytest.mark.parametrize("moment", [NOW - timedelta(days=9), NOW + timedelta(days=900)])
def test_a_rehearsal_as_of_when_nobody_is_blocked_spares_no_approver(
    here: Approving, moment: datetime
) -> None:
    draft = rehearsed(here, here.draft(), 0.9)
    rehearsed(here, draft, 0.0, moment)
    assert here.propose(draft).needed == 3


def test_a_rehearsal_as_of_another_moment_alone_opens_no_proposal(here: Approving) -> None:
    here.authority.phone(here.authority.bench())
    draft = rehearsed(here, here.draft(), 0.0, NOW - timedelta(days=9))
    refused(here.ask("POST", f"/drafts/{draft}/proposal", here.author, {}), 409, "rehearsal_missing")


def test_where_root_names_too_few_approvers_for_one_more_that_is_told(
    here: Approving,
) -> None:
    (warning,) = here.propose(rehearsed(here, here.draft(), 0.5)).warnings
    assert "3 have to sign, and the root names 2" in warning
    here.configure(extra_approval_percent=50)
    assert here.propose(rehearsed(here, here.draft(name="Other"), 0.5)).warnings == ()


def test_a_policy_that_would_block_everybody_is_told_by_a_warning_of_its_own(
    here: Approving,
) -> None:
    draft = rehearsed(here, here.draft(), 1.0)
    assert here.propose(draft).warnings[0].startswith("BLOCKS EVERYBODY")


# At a set time ------------------------------------------------------------------------------------------------------


def test_what_is_complete_waits_for_its_time_and_is_published_once(here: Approving) -> None:
    draft = here.draft()
    here.propose(draft, later(days=1))
    here.approve(draft, 1)
    assert here.approve(draft, 2)[1]["outcome"] == "waiting"
    database, config = here.authority.database, here.authority.config
    publish_due_proposals(database, config, later(hours=23))
    assert in_force(here) == 1
    for _ in range(2):
        publish_due_proposals(database, config, later(days=1))
    assert in_force(here) == 2
    assert [action for _, action, _ in here.audited()].count("bundle published") == 2
    assert here.closed(draft) is DraftEnd.PUBLISHED


def test_of_several_servers_at_once_one_publishes(here: Approving) -> None:
    draft = here.draft()
    here.propose(draft, later(days=1))
    here.approve(draft, 1)
    here.approve(draft, 2)
    databases = [Database(here.authority.config.database_url) for _ in range(4)]
    with ThreadPoolExecutor(len(databases)) as servers:
        for done in [
            servers.submit(publish_due_proposals, database, here.authority.config, later(days=1))
            for database in databases
        ]:
            done.result()
    for database in databases:
        database.close()
    assert [action for _, action, _ in here.audited()].count("bundle published") == 2
    assert here.closed(draft) is DraftEnd.PUBLISHED


@pytest.mark.parametrize("hours", [-1, 24 * 36])
def test_a_time_that_cannot_be_is_refused(here: Approving, hours: int) -> None:
    told = {"publish_at": f"{later(hours=hours):%Y-%m-%dT%H:%M:%SZ}"}
    answer = here.ask("POST", f"/drafts/{here.draft()}/proposal", here.author, told)
    refused(answer, 400, "publish_at_impossible")


def test_what_was_overtaken_while_it_waited_is_not_published_and_says_why(here: Approving) -> None:
    draft, other = here.draft(), here.draft(name="Faster")
    here.propose(draft, later(days=1))
    here.approve(draft, 1)
    here.approve(draft, 2)
    here.propose(other)
    here.approve(other, 1)
    here.approve(other, 2)
    for _ in range(2):
        publish_due_proposals(here.authority.database, here.authority.config, later(days=1))
    told = [detail for _, action, detail in here.audited() if action == "proposal not published"]
    assert [detail["reason"] for detail in told] == ["was overtaken: another publication came first"]
    assert here.proposal(draft).proposal.document[1].name == "Next"
    assert in_force(here) == 2


def test_whoever_asks_for_the_timestamp_finds_what_is_due_published(here: Approving) -> None:
    draft = here.draft()
    here.propose(draft, later(days=1))
    here.approve(draft, 1)
    here.approve(draft, 2)
    with here.authority.database.writing() as session:
        session.execute(
            proposals.ProposalTable.__table__.update().values(due_at=NOW, publish_at=NOW)  # type: ignore[attr-defined]
        )
    assert here.client.get("/trust/timestamp.json").status_code == 200
    assert in_force(here) == 2


def test_a_server_looks_for_what_is_due_by_itself(here: Approving) -> None:
    draft = here.draft()
    here.propose(draft, later(days=1))
    here.approve(draft, 1)
    here.approve(draft, 2)
    stopped = do_what_is_due(
        here.authority.database, here.authority.config, lambda: later(days=1), every_s=0.01
    )
    try:
        while in_force(here) == 1:
            pass
    finally:
        stopped.set()
    assert here.closed(draft) is DraftEnd.PUBLISHED


def test_what_could_not_be_published_is_tried_again_with_the_same_signature(here: Approving) -> None:
    draft = here.draft()
    document = here.propose(draft)
    here.approve(draft, 1)
    keys = here.authority.folder / "online"
    keys.mkdir()
    for name in ("snapshot.pem", "timestamp.pem"):
        shutil.copy(here.authority.trust.path / "keys" / name, keys / name)
    here.configure(trust_keys=keys)
    (keys / "snapshot.pem").rename(keys / "snapshot.away")
    answer = here.hand_in(draft, here.signature(document, 2), here.approver(2))
    assert answer[1]["outcome"] == "not_published"
    assert "snapshot.pem" in answer[1]["trouble"]
    (keys / "snapshot.away").rename(keys / "snapshot.pem")
    again = here.hand_in(draft, here.signature(document, 2), here.approver(2))
    assert again[1]["outcome"] == "published"
