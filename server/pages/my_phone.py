"""The page of one's own phone, opened by the code on a receipt: what is stored of it, and what can be asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from policy.owner_receipt import PAPER_ONLY, languages, owner_receipt, say, spoken, utc
from server.context import context
from server.errors import Malformed, NotThere, RequestRefused
from server.owners.receipts import Opened, opened
from server.owners.requests import TEXT_MAX_LENGTH, RequestKind, ask
from server.pages.blueprint import pages
from server.pages.moment import now
from server.people.sign_ins import count_guess, refuse_guessing

_KIND = "receipt"
_WITH_A_WAY_BACK = frozenset({"text_malformed", "already_asked"})
"""What is refused of somebody whose code opens their page."""
_SAID = _WITH_A_WAY_BACK | {"receipt_unknown", "too_many_guesses"}
"""The refusals that ``owner_words.json`` has words for; no other is met by whoever uses the page."""


def _in_their_language(view: Callable[[str], ResponseReturnValue]) -> Callable[[str], ResponseReturnValue]:
    @wraps(view)
    def answer(code: str) -> ResponseReturnValue:
        try:
            return view(code)
        except RequestRefused as refused:
            if refused.code not in _SAID:
                raise
            return _refusal(refused, code), refused.status

    return answer


def _refusal(refused: RequestRefused, code: str) -> str:
    language, days = _language(), context().config.receipt_days
    return render_template(
        "my_phone_refused.html",
        code=code,
        lang=language,
        heading=say(language, "refused"),
        message=say(language, refused.code, days=days, most=TEXT_MAX_LENGTH),
        back=say(language, "page") if refused.code in _WITH_A_WAY_BACK else "",
    )


@pages.get("/my-phone/<code>")
@_in_their_language
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
@_in_their_language
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
