"""Drafts: what is kept of them, who wrote it, and what is refused."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from certs.drafting import following_policy, renumbered_policy
from policy.schemas import dump_policy_document, load_policy_document
from server.drafts import drafts
from server.drafts.drafts import DraftEnd
from server.errors import InConflict, Malformed, NotThere
from server.evidence.audit import newest_rows
from server.people.people import Person, Role, put_person
from server.policies.bundles import newest
from tests.server.authority import NOW, PASSWORD, Authority, banning_policy

NEXT = dump_policy_document(2, banning_policy(name="Next"))


@pytest.fixture
def author(authority: Authority) -> Person:
    return person(authority, "author-1")


def person(authority: Authority, name: str) -> Person:
    with authority.database.writing() as session:
        return put_person(session, name, PASSWORD, [Role.AUTHOR], "test", NOW)


def opened(session: Session, author: Person, document: bytes = NEXT) -> drafts.Draft:
    return drafts.open_draft(session, "Ban more", document, author, author.name, NOW)


def revised(session: Session, draft: drafts.Draft, document: bytes, author: Person) -> drafts.Draft:
    return drafts.revise_draft(
        session, draft.draft_id, draft.revision, document, "why", author, author.name, NOW
    )


def test_a_draft_keeps_the_very_bytes_that_were_handed_in(authority: Authority, author: Person) -> None:
    written = following_policy(dump_policy_document(1, banning_policy()))
    with authority.database.writing() as session:
        draft_id = opened(session, author, written).draft_id
    with authority.database.reading() as session:
        draft = drafts.find_draft(session, draft_id)

    assert draft.document == written
    assert (draft.revision, draft.base_number, draft.written_by) == (1, 1, "author-1")
    assert draft.authors == {author.person_id}


def test_every_revision_stays_and_everybody_who_wrote_one_is_an_author(
    authority: Authority, author: Person
) -> None:
    other = person(authority, "author-2")
    with authority.database.writing() as session:
        draft = opened(session, author)
        draft = revised(session, draft, dump_policy_document(2, banning_policy(name="Other")), other)
        first = drafts.find_draft(session, draft.draft_id, 1)
        told = drafts.history(session, draft.draft_id)

    assert first.document == NEXT
    assert draft.authors == {author.person_id, other.person_id}
    assert [(one.revision, one.written_by) for one in told] == [(2, "author-2"), (1, "author-1")]


def test_of_two_who_edit_at_once_the_second_is_told_and_nothing_is_lost(
    authority: Authority, author: Person
) -> None:
    with authority.database.writing() as session:
        draft = opened(session, author)
        newer = revised(session, draft, dump_policy_document(2, banning_policy(name="First")), author)
        with pytest.raises(InConflict, match="found revision 2: somebody saved it meanwhile"):
            revised(session, draft, dump_policy_document(2, banning_policy(name="Second")), author)

    assert newer.policy.name == "First"


def test_saving_the_same_again_makes_no_revision(authority: Authority, author: Person) -> None:
    with authority.database.writing() as session:
        assert revised(session, opened(session, author), NEXT, author).revision == 1


def test_a_draft_must_follow_on_the_newest_bundle(authority: Authority, author: Person) -> None:
    with (
        authority.database.writing() as session,
        pytest.raises(InConflict, match="found number 7"),
    ):
        opened(session, author, renumbered_policy(NEXT, 7))


def test_a_draft_whose_base_was_overtaken_is_known_and_can_be_rebuilt(
    authority: Authority, author: Person
) -> None:
    with authority.database.writing() as session:
        draft = opened(session, author)
    authority.trust = authority.trust.copy(authority.folder / "trust")
    authority.trust.publish(2, banning_policy(name="Another"))
    authority.publish()
    with authority.database.writing() as session:
        number = newest(session).number
        assert drafts.is_overtaken(draft, number)
        rebuilt = revised(session, draft, renumbered_policy(draft.document, number + 1), author)

    assert not drafts.is_overtaken(rebuilt, number)
    assert load_policy_document(rebuilt.document) == (3, banning_policy(name="Next"))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"{}", "rules: missing"),
        (b"no json", "a policy"),
        (NEXT.replace(b'"lifted":false', b'"lifted":"no"'), "rules.lifted: expected true or false"),
        (NEXT.replace(b'"lifted":', b'"lifted_by":'), "lifted_by"),
        (b" " * (drafts.DOCUMENT_MAX_BYTES + 1), "bytes at most"),
    ],
)
def test_what_is_no_policy_is_refused_with_the_place(
    authority: Authority, author: Person, document: bytes, said: str
) -> None:
    with authority.database.writing() as session, pytest.raises(Malformed, match=said):
        opened(session, author, document)


@pytest.mark.parametrize("title", ["", "   ", "two\nlines", "x" * 201])
def test_a_title_is_one_line_of_bounded_length(authority: Authority, author: Person, title: str) -> None:
    with authority.database.writing() as session, pytest.raises(Malformed, match="expected a title"):
        drafts.open_draft(session, title, NEXT, author, author.name, NOW)


def test_a_draft_that_has_ended_is_changed_by_nobody(authority: Authority, author: Person) -> None:
    with authority.database.writing() as session:
        draft = opened(session, author)
        drafts.close_draft(session, draft.draft_id, DraftEnd.WITHDRAWN, author.name, NOW)
        for act in (
            lambda: revised(session, draft, renumbered_policy(NEXT, 2), author),
            lambda: drafts.close_draft(session, draft.draft_id, DraftEnd.PUBLISHED, author.name, NOW),
        ):
            with pytest.raises(InConflict, match="was withdrawn and is not changed any more"):
                act()


def test_comments_stand_with_the_revision_they_are_about(authority: Authority, author: Person) -> None:
    with authority.database.writing() as session:
        draft = opened(session, author)
        drafts.comment_on_draft(session, draft.draft_id, 1, "Why so soon?\nMay is better.", author, "a", NOW)
        [comment] = drafts.comments(session, draft.draft_id)

    assert comment == drafts.Comment(1, "author-1", NOW, "Why so soon?\nMay is better.")


@pytest.mark.parametrize("text", ["", "\n", "x" * 2001, "right\u202eleft"])
def test_a_comment_is_text_of_bounded_length(authority: Authority, author: Person, text: str) -> None:
    with authority.database.writing() as session:
        draft = opened(session, author)
        with pytest.raises(Malformed, match="expected a comment"):
            drafts.comment_on_draft(session, draft.draft_id, 1, text, author, "a", NOW)


def test_a_draft_that_is_not_there_is_told_so(authority: Authority) -> None:
    with authority.database.reading() as session, pytest.raises(NotThere, match="no draft 9"):
        drafts.find_draft(session, 9)


def test_each_act_writes_its_audit_row(authority: Authority, author: Person) -> None:
    with authority.database.writing() as session:
        draft = opened(session, author)
        revised(session, draft, dump_policy_document(2, banning_policy(name="Other")), author)
        drafts.comment_on_draft(session, draft.draft_id, 2, "Good.", author, author.name, NOW)
        drafts.close_draft(session, draft.draft_id, DraftEnd.WITHDRAWN, author.name, NOW)
        rows = newest_rows(session, 4)

    assert [row.action for row in rows] == [
        "draft withdrawn",
        "draft commented",
        "draft revised",
        "draft opened",
    ]
    assert {row.subject for row in rows} == {f"draft {draft.draft_id}"}
    assert rows[3].detail["sha256"] == draft.sha256
