"""The page of one's own phone, opened by the code on a receipt: what is stored of it, and what can be asked for."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from policy.owner_receipt import PAPER_ONLY, languages, owner_receipt, say, spoken, utc
from server.context import context
from server.errors import Malformed, NotThere
from server.owners.receipts import Opened, opened
from server.owners.requests import TEXT_MAX_LENGTH, RequestKind, ask
from server.pages.blueprint import pages
from server.pages.moment import now
from server.people.sign_ins import count_guess, refuse_guessing

_KIND = "receipt"


@pages.get("/my-phone/<code>")
def my_phone(code: str) -> str:
    """Show an owner what is stored of their phone, in their language."""
    found, language = _opened(code), _language()
    return render_template(
        "my_phone.html",
        code=code,
        language=language,
        lang=language,
        languages=languages(),
        name=found.phone.label or found.phone.model,
        receipt=owner_receipt(found.report, found.policy, language) if found.report else None,
        opened=found,
        waiting={request.kind for request in found.requests if request.answer is None},
        say=lambda key, **values: say(language, key, **values),
        utc=utc,
        paper_only=PAPER_ONLY,
        text_max_length=TEXT_MAX_LENGTH,
    )


@pages.post("/my-phone/<code>/requests")
def ask_for_my_phone(code: str) -> Response:
    """Take what an owner asks for."""
    found = _opened(code)
    with context().database.writing() as session:
        ask(session, found.phone.phone_id, _kind(), request.form.get("text", ""), now())
    language = _language()
    flash(say(language, "sent"), "good")
    return redirect(url_for("pages.my_phone", code=code, language=language))


def _opened(code: str) -> Opened:
    here = context()
    address = request.remote_addr or ""
    try:
        with here.database.reading() as session:
            # Before it is looked at: beyond the limit a right guess must not be told from a wrong one.
            refuse_guessing(session, here.config.secret_key, _KIND, address, now())
            return opened(session, code, here.config.receipt_days, now())
    except NotThere:
        count_guess(here.database, here.config.secret_key, _KIND, address, now())
        raise


def _kind() -> RequestKind:
    wanted = request.form.get("kind", "")
    if wanted not in set(RequestKind):
        raise Malformed(
            "kind_malformed", "Expected check or objection. Nothing was sent.", "Go back and use its buttons."
        )
    return RequestKind(wanted)


def _language() -> str:
    """Return the language that is asked for, or the browser's."""
    # Not `best_match`: of "fr-BE, en;q=0.5" it takes English.
    theirs = (tag for tag, _ in request.accept_languages if tag.partition("-")[0].lower() in languages())
    return spoken(request.args.get("language") or next(theirs, ""))
