"""The audit chain as a running server answers it; what it proves is computed elsewhere, from the answers alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from certs.asking import AskedServer, not_agreed
from certs.audit_chain import AuditHead, ChainRow, open_head
from certs.errors import AnswerRefused, EnvelopeRefused

_PATH = "/api/v1/audit-rows/"
_TEXTS = ("at", "actor", "action", "subject", "detail", "previous", "hash")
# By status, in our words: what to do next never comes from the server.
_ADVICE = {
    401: "expected an auditor's token; make one on the server: curfew-server --config SERVER.env token NAME",
    403: "expected the token of an account that may read the audit chain:"
    " curfew-server --config SERVER.env person NAME --role auditor",
    404: "expected a Curfew server of this version or a newer one at this address",
}


class ServedChain:
    """The chain of one server, asked for in parts; `ask` returns the answer's JSON for a path."""

    def __init__(self, ask: Callable[[str], Any]) -> None:
        """Ask for the first part, which names the audit key; raises `FetchFailed` or `AnswerRefused`."""
        self._ask = ask
        self._part = _part(ask(f"{_PATH}0"))
        self.audit_key_pem = self._part[2]

    def rows(self) -> Iterator[ChainRow]:
        """Yield all rows, oldest first, until the server has no more."""
        while self._part[0]:
            yield from self._part[0]
            self._part = _part(self._ask(f"{_PATH}{self._part[0][-1].number}"))

    @property
    def signed_head(self) -> bytes | None:
        """The head in the newest answer, as it was signed; None if the server says that there is none."""
        return self._part[1]

    def head(self) -> AuditHead | None:
        """Return the head behind the last row that was yielded."""
        if self.signed_head is None:
            return None
        try:
            return open_head(self.signed_head, self.audit_key_pem)
        except EnvelopeRefused as error:
            raise AnswerRefused(
                "expected a head signed by the audit key that the server names, found another; tell its admin"
            ) from error


def link(url: str, authority: Path | None, token: str) -> Callable[[str], Any]:
    """Return what asks the server at `url` as the person with this API token.

    ``authority`` is the certificate to believe, None for the computer's own authorities. Raises `AnswerRefused`.
    """
    server = AskedServer(url, authority, token, undone="nothing was compared")

    def ask(path: str) -> Any:
        answer = server.ask(path)
        if answer.status != 200:
            advice = _ADVICE.get(answer.status, "check the address")
            raise AnswerRefused(f"{url.rstrip('/')}{path} answered {answer.status}: {advice}")
        return answer.json()

    return ask


def _part(told: Any) -> tuple[list[ChainRow], bytes | None, bytes]:
    """Return rows, signed head and audit key of one answer, checked for their form alone."""
    if not isinstance(told, dict) or not isinstance(told.get("rows"), list):
        raise not_agreed("rows")
    head, key = told.get("head", ""), told.get("audit_key_pem")
    if not isinstance(key, str):
        raise not_agreed("an audit key")
    if head is not None and not isinstance(head, dict):
        raise not_agreed("a head")
    signed = None if head is None else json.dumps(head, separators=(",", ":"), sort_keys=True).encode()
    return [_row(one) for one in told["rows"]], signed, key.encode()


def _row(told: Any) -> ChainRow:
    if not isinstance(told, dict) or type(told.get("number")) is not int:
        raise not_agreed("a row's number")
    if not all(isinstance(told.get(name), str) for name in _TEXTS):
        raise not_agreed(f"a row's {', '.join(_TEXTS)}")
    return ChainRow(told["number"], *(told[name] for name in _TEXTS))
