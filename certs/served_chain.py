"""The audit chain as a running server answers it; what it proves is computed elsewhere, from the answers alone."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3

from certs.audit_chain import AuditHead, ChainRow, open_head
from certs.errors import AnswerRefused, EnvelopeRefused, FetchFailed
from certs.logs import Log
from policy.plain_text import said_by_others

_log = Log(__name__)
_PATH = "/api/v1/audit-rows/"
_ANSWER_MAX_BYTES = 8 * 1024 * 1024
_TIMEOUT = urllib3.Timeout(connect=5.0, read=30.0)
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
    if urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
        raise AnswerRefused(
            f"--server: expected an address like https://curfew.example.org, found {said_by_others(url)}"
        )
    # One for all parts, so that the connection is kept.
    pool = urllib3.PoolManager(ssl_context=_context(authority), timeout=_TIMEOUT, retries=False)
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept-Encoding": "identity",
        "User-Agent": "curfew-certs",
    }
    return lambda path: _answer(pool, url.rstrip("/"), path, headers)


def _context(authority: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authority)
    except ssl.SSLError as error:
        raise AnswerRefused(f"{authority}: expected a certificate in PEM, found something else") from error


def _answer(pool: urllib3.PoolManager, url: str, path: str, headers: dict[str, str]) -> Any:
    try:
        response = pool.request("GET", url + path, headers=headers, redirect=False, preload_content=False)
        with response:
            # One byte more than may come: it alone says that there is too much.
            body = response.read(_ANSWER_MAX_BYTES + 1, decode_content=False)
    except urllib3.exceptions.SSLError as error:
        raise FetchFailed(
            f"{url} shows a certificate that is not believed: another authority made it, or for another name, or its"
            " time is over; name the organisation's authority: --authority trust/tls/authority.pem"
        ) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise FetchFailed(
            f"{url} does not answer, so nothing was compared; check the address and the network, and try again"
        ) from error
    _log.debug("server answered", path=path, status=response.status)
    if response.status >= 500 or response.status == 429:
        raise FetchFailed(f"{url} answered {response.status}, so nothing was compared; try again later")
    if response.status != 200:
        advice = _ADVICE.get(response.status, "check the address")
        raise AnswerRefused(f"{url}{path} answered {response.status}: {advice}")
    if len(body) > _ANSWER_MAX_BYTES:
        raise AnswerRefused(f"{url}{path} answered more than {_ANSWER_MAX_BYTES} bytes; tell its admin")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _not_agreed("JSON") from error


def _part(told: Any) -> tuple[list[ChainRow], bytes | None, bytes]:
    """Return rows, signed head and audit key of one answer, checked for their form alone."""
    if not isinstance(told, dict) or not isinstance(told.get("rows"), list):
        raise _not_agreed("rows")
    head, key = told.get("head", ""), told.get("audit_key_pem")
    if not isinstance(key, str):
        raise _not_agreed("an audit key")
    if head is not None and not isinstance(head, dict):
        raise _not_agreed("a head")
    signed = None if head is None else json.dumps(head, separators=(",", ":"), sort_keys=True).encode()
    return [_row(one) for one in told["rows"]], signed, key.encode()


def _row(told: Any) -> ChainRow:
    if not isinstance(told, dict) or type(told.get("number")) is not int:
        raise _not_agreed("a row's number")
    if not all(isinstance(told.get(name), str) for name in _TEXTS):
        raise _not_agreed(f"a row's {', '.join(_TEXTS)}")
    return ChainRow(told["number"], *(told[name] for name in _TEXTS))


def _not_agreed(expected: str) -> AnswerRefused:
    return AnswerRefused(
        f"the server's answer lacks {expected}; check that it is a Curfew server of this version or a newer one"
    )
