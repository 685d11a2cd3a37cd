"""A running server as the commands of admins and approvers ask it: by https, bounded, in words of our own.

What to do next never comes from the server: it may be the liar.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3

from certs.errors import AnswerRefused, FetchFailed, FileMissing
from certs.logs import Log
from policy.plain_text import said_by_others

_log = Log(__name__)
ANSWER_MAX_BYTES = 8 * 1024 * 1024
_TIMEOUT = urllib3.Timeout(connect=5.0, read=30.0)


@dataclass(frozen=True)
class Answer:
    """What a server answered: its status, and the body as it came."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON; raises `AnswerRefused`."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise not_agreed("JSON") from error


class AskedServer:
    """The server at `url`, asked with a person's `token` or without one.

    ``authority`` is the certificate to believe, None for the computer's own authorities; ``undone`` ends what is told
    where it does not answer ("nothing was signed"). Raises `AnswerRefused` for an address that is none.
    """

    def __init__(self, url: str, authority: Path | None, token: str = "", *, undone: str) -> None:
        if urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
            raise AnswerRefused(
                f"expected an address like https://curfew.example.org, found {said_by_others(url)}; correct it"
            )
        self._url, self._undone = url.rstrip("/"), undone
        # One for all requests, so that the connection is kept.
        self._pool = urllib3.PoolManager(ssl_context=_context(authority), timeout=_TIMEOUT, retries=False)
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "curfew-certs"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def ask(
        self, path: str, body: Mapping[str, Any] | None = None, longest: int = ANSWER_MAX_BYTES
    ) -> Answer:
        """Return the answer to a GET, or to a POST of `body`; raises `FetchFailed` where there is none to go by."""
        sent = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({} if sent is None else {"Content-Type": "application/json"})
        method = "GET" if sent is None else "POST"
        try:
            response = self._pool.request(
                method, self._url + path, body=sent, headers=headers, redirect=False, preload_content=False
            )
            with response:
                # One byte more than may come: it alone says that there is too much.
                found = response.read(longest + 1, decode_content=False)
        except urllib3.exceptions.SSLError as error:
            raise FetchFailed(
                f"{self._url} shows a certificate that is not believed: another authority made it, or for another name,"
                " or its time is over; name the organisation's authority: --authority trust/tls/authority.pem"
            ) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise FetchFailed(
                f"{self._url} does not answer, so {self._undone}; check the address and the network, and try again"
            ) from error
        _log.debug("server answered", path=path, status=response.status)
        if response.status >= 500 or response.status == 429:
            raise FetchFailed(f"{self._url} answered {response.status}, so {self._undone}; try again later")
        if len(found) > longest:
            raise AnswerRefused(f"{self._url}{path} answered more than {longest} bytes; tell its admin")
        return Answer(response.status, found)

    def fetch_trust_file(self, name: str, longest: int) -> bytes:
        """Return a trust file by its served name; raises `FileMissing`, `FetchFailed` or `AnswerRefused`."""
        answer = self.ask(f"/trust/{name}", longest=longest)
        if answer.status == 404:
            raise FileMissing(f"{self._url} has no trust file {name}; check that it has published a bundle")
        if answer.status != 200:
            raise refused(answer, self._url, {})
        return answer.body


def refused(answer: Answer, place: str, advice: Mapping[int | str, str]) -> AnswerRefused:
    """Return the error for an answer that says no; `advice` is by the error's code, or by the status."""
    code, said = _error(answer)
    known = advice.get(code) or advice.get(answer.status) or "check the address"
    return AnswerRefused(
        f"{place} answered {answer.status}{f': {said_by_others(said)}' if said else ''}; {known}"
    )


def not_agreed(expected: str) -> AnswerRefused:
    """Return the error for an answer without the agreed form."""
    return AnswerRefused(
        f"the server's answer lacks {expected}; check that it is a Curfew server of this version or a newer one"
    )


def _error(answer: Answer) -> tuple[str, str]:
    try:
        error = answer.json()["error"]
        return str(error["code"]), str(error["message"])
    except (AnswerRefused, KeyError, TypeError):
        return "", ""


def _context(authority: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authority)
    except ssl.SSLError as error:
        raise AnswerRefused(f"{authority}: expected a certificate in PEM, found something else") from error
