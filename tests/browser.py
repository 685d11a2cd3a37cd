"""Somebody who has signed in and reads pages, over the network and without scripts."""

from __future__ import annotations

import http.cookiejar
import re
import ssl
import urllib.parse
import urllib.request
from pathlib import Path


class Browser:
    """Signed in at the server at `url`, whose authority is that of the trust folder `trust`."""

    def __init__(self, url: str, trust: Path, name: str, password: str) -> None:
        self._url = url
        context = ssl.create_default_context(cafile=str(trust / "tls" / "authority.pem"))
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
        )
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.read("/sign-in"))
        assert token
        self.read("/sign-in", {"csrf_token": token[1], "name": name, "password": password})

    def read(self, path: str, fields: dict[str, str] | None = None) -> str:
        """Return a page; with `fields`, send its form."""
        data = urllib.parse.urlencode(fields).encode() if fields else None
        request = urllib.request.Request(self._url + path, data, headers={"Referer": f"{self._url}{path}"})
        with self._opener.open(request) as answer:
            return str(answer.read().decode())
