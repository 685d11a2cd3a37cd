"""Drafts: how the next policy comes about, in pages: opened, edited, compared, talked about, withdrawn."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response, flash, make_response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as PlainResponse

from certs.rendering import policy_rows
from policy.document import Policy
from policy.errors import PolicyError
from policy.families import review_families
from policy.schemas import load_policy_document
from policy.schemas.yaml_form import yaml_of_json
from server.context import context
from server.drafts import drafts as kept
from server.drafts.beginnings import Beginning, beginning, document_in, numbered_next, returning
from server.drafts.differences import differences
from server.drafts.drafts import DRAFTS_NEWEST, Draft, DraftEnd
from server.drafts.form import LANGUAGES, TEXTS, FilledForm, document_of, form_of, shows_as_moment
from server.drafts.listed_rings import labels_in, taken_up, with_phones
from server.errors import InConflict, Malformed
from server.pages.access import needs, person
from server.pages.approval import approval_part
from server.pages.blueprint import pages
from server.pages.draft_words import MESSAGE_MOMENTS, QUESTIONS
from server.pages.moment import now
from server.people.people import Right
from server.policies import bundles
from server.rehearsal.kept_rehearsals import rehearsals_of
from server.rehearsal.running import start_rehearsal

_SHOWN = 100
_DRAFT = "<int:draft_id>"
_REVISION = "<int:revision>"


@pages.get("/drafts")
@needs(Right.LOOK)
def drafts() -> str:
    """Show the drafts that are open, those that have ended, and how to begin one."""
    with context().database.reading() as session:
        open_drafts = kept.list_drafts(session, True, DRAFTS_NEWEST, "", _SHOWN).rows
        ended = kept.list_drafts(session, False, DRAFTS_NEWEST, "", _SHOWN).rows
        in_force = bundles.newest_bundle(session)
    return render_template(
        "drafts.html",
        tab="pages.drafts",
        open_drafts=open_drafts,
        ended=ended,
        in_force=in_force,
        may_draft=person().may(Right.DRAFT),
        title_max_length=kept.TITLE_MAX_LENGTH,
    )


@pages.post("/drafts")
@needs(Right.DRAFT)
def open_draft() -> PlainResponse:
    """Begin a draft from the policy in force or an earlier one, from the ready-made one, from a file, or as a lift."""
    with context().database.writing() as session:
        document = _document(session, request.form.get("from", ""))
        draft = kept.open_draft(
            session, request.form.get("title", ""), document, person(), person().name, now()
        )
    flash("The draft is open. Nothing is published by it.", "good")
    return redirect(url_for("pages.draft", draft_id=draft.draft_id))


def _document(session: Session, wanted: str) -> bytes:
    if wanted == "file":
        return numbered_next(session, taken_up(session, _uploaded()))
    if wanted == "bundle":
        # Whoever writes something else than a number means no bundle that there is.
        return returning(session, request.form.get("number", default=0, type=int))
    if wanted not in {one.value for one in Beginning}:
        raise Malformed(
            "beginning_unknown", "Choose what the draft begins with.", "Go back and choose one of them."
        )
    return beginning(session, Beginning(wanted))


def _uploaded() -> bytes:
    file = request.files.get("file")
    data = file.stream.read(kept.DOCUMENT_MAX_BYTES + 1) if file else b""
    if not file or not data:
        raise Malformed("file_missing", "No file came with the form.", "Go back and choose a file.")
    return document_in(data, str(file.filename))


@pages.get(f"/drafts/{_DRAFT}")
@needs(Right.LOOK)
def draft(draft_id: int) -> str:
    """Show one draft: what it changes, the whole of it, what was said, its history."""
    wanted = request.args.get("revision", type=int)
    with context().database.reading() as session:
        shown = kept.find_draft(session, draft_id, wanted)
        in_force = bundles.newest_bundle(session)
        newest_number = bundles.newest(session).number
        history = kept.history(session, draft_id)
        said = kept.comments(session, draft_id)
        approval = approval_part(session, shown)
        rehearsed = [
            one for one in rehearsals_of(session, draft_id, now()) if one.policy_sha256 == shown.sha256
        ]
    policy = shown.policy
    # Of one that was published there is no difference any more to what is in force.
    base = None if in_force is None or shown.closed is DraftEnd.PUBLISHED else in_force.policy
    return render_template(
        "draft.html",
        tab="pages.drafts",
        draft=shown,
        policy=policy,
        overtaken=kept.is_overtaken(shown, newest_number),
        newest_number=newest_number,
        differences=differences(base, policy) if base else (),
        has_base=base is not None,
        whole=policy_rows(shown.base_number + 1, policy),
        history=history,
        comments=said,
        approval=approval,
        rehearsals=rehearsed,
        warnings=warnings_of(policy, base),
        languages=LANGUAGES,
        texts=TEXTS,
        moments=MESSAGE_MOMENTS,
        may_draft=person().may(Right.DRAFT),
        comment_max_length=kept.COMMENT_MAX_LENGTH,
    )


def warnings_of(policy: Policy, in_force: Policy | None) -> Sequence[str]:
    """Return what is allowed in a policy and is seldom meant."""
    found = []
    is_moved = in_force is None or in_force.deadline != policy.deadline
    if not policy.lifted and policy.deadline <= now() and is_moved:
        found.append(
            "The deadline is over already: phones that violate this policy are enforced at their next check,"
            " without a reminder before."
        )
    if not policy.lifted and policy.review_at <= now():
        found.append("The review is due already: the measure pauses, and nothing new is disabled.")
    if policy.ends_at <= now():
        found.append("The measure has ended already: every phone is put back, whatever else this says.")
    if not policy.lifted and any(review.missing for review in review_families(policy, now().date())):
        found.append(
            "This server's version knows more names of the banned apps than this draft bans: phones with one of them"
            " count as compliant."
        )
    return found


@pages.get(f"/drafts/{_DRAFT}/edit")
@needs(Right.DRAFT)
def edit_draft(draft_id: int) -> Response:
    """Show the form of a draft's newest revision."""
    with context().database.reading() as session:
        found = kept.find_draft(session, draft_id)
        labels = labels_in(session, found.document)
    return _form_page(found, found.revision, form_of(found.document, labels=labels), "", 200)


@pages.post(f"/drafts/{_DRAFT}/edit")
@needs(Right.DRAFT)
def save_draft(draft_id: int) -> PlainResponse:
    """Save what the form says as the next revision; refused, the form comes back as it was filled in."""
    revision, note = request.form.get("revision", 0, type=int), request.form.get("note", "")
    with context().database.reading() as session:
        found = kept.find_draft(session, draft_id)
    typed = document_of(request.form.to_dict(flat=False), found.document)
    try:
        with context().database.reading() as session:
            document = with_phones(session, typed)
        load_policy_document(document)
    except PolicyError as error:
        faults = getattr(error, "faults", ())
        problem = "" if faults else f"Nothing was saved: {error}."
        return _form_page(found, revision, form_of(typed, faults), problem, 400, note)
    try:
        with context().database.writing() as session:
            saved = kept.revise_draft(
                session, draft_id, revision, document, note, person(), person().name, now()
            )
    except InConflict as error:
        if error.code != "draft_changed":
            raise
        return _form_page(found, found.revision, form_of(typed), _changed_by(found), 409, note)
    if saved.revision == revision:
        flash("Nothing was changed, so there is no new revision.", "")
    else:
        flash(
            f"Saved as revision {saved.revision}. Rehearsals and approvals of older ones count no more.",
            "good",
        )
    return redirect(url_for("pages.draft", draft_id=draft_id))


def _changed_by(found: Draft) -> str:
    return (
        f"Nothing was saved yet: {found.written_by} has saved revision {found.revision} meanwhile. Your own text stands"
        " in the fields. Compare, and save again: then yours follows on theirs."
    )


def _form_page(
    found: Draft, revision: int, filled: FilledForm, problem: str, status: int, note: str = ""
) -> Response:
    page = render_template(
        "draft_form.html",
        tab="pages.drafts",
        draft=found,
        revision=revision,
        form=filled,
        problem=problem,
        note=note,
        questions=QUESTIONS,
        languages=LANGUAGES,
        texts=TEXTS,
        moments=MESSAGE_MOMENTS,
        shows_as_moment=shows_as_moment,
        note_max_length=kept.NOTE_MAX_LENGTH,
    )
    return make_response(page, status)


@pages.post(f"/drafts/{_DRAFT}/file")
@needs(Right.DRAFT)
def save_draft_file(draft_id: int) -> PlainResponse:
    """Save a file as the next revision."""
    with context().database.writing() as session:
        found = kept.find_draft(session, draft_id)
        saved = kept.revise_draft(
            session,
            draft_id,
            request.form.get("revision", 0, type=int),
            numbered_next(session, taken_up(session, _uploaded())),
            request.form.get("note", ""),
            person(),
            person().name,
            now(),
        )
    said = "The file says the same." if saved.revision == found.revision else "The file is saved."
    flash(f"{said} The draft stands at revision {saved.revision}.", "good")
    return redirect(url_for("pages.draft", draft_id=draft_id))


@pages.post(f"/drafts/{_DRAFT}/rehearsals")
@needs(Right.DRAFT)
def rehearse_draft(draft_id: int) -> PlainResponse:
    """Rehearse the newest revision, and go to what comes of it."""
    here = context()
    with here.database.reading() as session:
        found = kept.find_draft(session, draft_id)
    made = start_rehearsal(
        here.database, here.clock.now, found.document, person().name, (draft_id, found.revision)
    )
    return redirect(url_for("pages.rehearsal", rehearsal_id=made))


@pages.post(f"/drafts/{_DRAFT}/rebuild")
@needs(Right.DRAFT)
def rebuild_draft(draft_id: int) -> PlainResponse:
    """Let a draft that was overtaken follow on the newest bundle: the same text under the next number."""
    with context().database.writing() as session:
        found = kept.find_draft(session, draft_id)
        number = bundles.newest(session).number
        document = numbered_next(session, found.document)
        note = f"rebuilt on bundle {number}"
        kept.revise_draft(session, draft_id, found.revision, document, note, person(), person().name, now())
    flash(f"The draft follows on bundle {number} now. Read below what it changes of it.", "good")
    return redirect(url_for("pages.draft", draft_id=draft_id))


@pages.post(f"/drafts/{_DRAFT}/withdraw")
@needs(Right.DRAFT)
def withdraw_draft(draft_id: int) -> PlainResponse:
    """End a draft that is not wanted any more; it stays readable."""
    with context().database.writing() as session:
        kept.close_draft(session, draft_id, DraftEnd.WITHDRAWN, person().name, now())
    flash("The draft is withdrawn. It stays readable, and nothing of it can be published.", "good")
    return redirect(url_for("pages.drafts"))


@pages.post(f"/drafts/{_DRAFT}/comments")
@needs(Right.LOOK)
def comment_on_draft(draft_id: int) -> PlainResponse:
    """Keep what somebody says about the revision that they read."""
    text, revision = request.form.get("text", ""), request.form.get("revision", 0, type=int)
    with context().database.writing() as session:
        kept.comment_on_draft(session, draft_id, revision, text, person(), person().name, now())
    return redirect(url_for("pages.draft", draft_id=draft_id, _anchor="comments"))


@pages.get(f"/drafts/{_DRAFT}/{_REVISION}.json")
@needs(Right.LOOK)
def draft_as_json(draft_id: int, revision: int) -> Response:
    """Hand out the very bytes that would be signed."""
    with context().database.reading() as session:
        document = kept.find_draft(session, draft_id, revision).document
    return _download(document, "application/json", f"draft-{draft_id}-{revision}.json")


@pages.get(f"/drafts/{_DRAFT}/{_REVISION}.yaml")
@needs(Right.LOOK)
def draft_as_yaml(draft_id: int, revision: int) -> Response:
    """Hand out the same as YAML, to be edited and sent back."""
    with context().database.reading() as session:
        document = kept.find_draft(session, draft_id, revision).document
    return _download(yaml_of_json(document).encode(), "application/yaml", f"draft-{draft_id}-{revision}.yaml")


def _download(data: bytes, kind: str, name: str) -> Response:
    headers = {"Content-Disposition": f"attachment; filename={name}"}
    return Response(data, content_type=kind, headers=headers)
