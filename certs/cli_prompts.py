"""What several commands ask a person: a passphrase, a yes, the key to sign with."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from securesystemslib.signer import Key, Signer

from certs.errors import AnswerRefused, PassphraseNeeded
from certs.keys import load_signer
from certs.terminal import tell

FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
KEY_HELP = "A key file, or a URI of a token or key service (hsm:, awskms:, azurekms:, gcpkms:, hv:, ...)."


def open_key(uri: str, public_keys: Sequence[Key]) -> Signer:
    """Return the signer that `uri` names, after asking for its passphrase if it has one."""
    try:
        return load_signer(uri, None, public_keys)
    except PassphraseNeeded as error:
        tell(str(error), err=True)
    passphrase = click.prompt("Passphrase or PIN", hide_input=True, err=True)
    return load_signer(uri, str(passphrase).encode(), public_keys)


def new_passphrase() -> bytes:
    """Return a passphrase that was typed twice."""
    passphrase = click.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    return str(passphrase).encode()


def api_token() -> str:
    """Return the API token in CURFEW_TOKEN, else one that is asked for; without a terminal, a line of stdin."""
    # Never an option: every account of this computer sees the command lines of all.
    found = os.environ.get("CURFEW_TOKEN", "")
    if not found:
        is_asked = sys.stdin.isatty()
        found = (
            str(click.prompt("API token", hide_input=True, err=True)) if is_asked else sys.stdin.readline()
        )
    token = found.strip()
    if not token.isascii() or not token.isprintable() or not token:
        raise AnswerRefused(
            "expected an API token in CURFEW_TOKEN or on stdin; make one on the server:"
            " curfew-server --config SERVER.env token NAME"
        )
    return token


def confirm(yes: bool, question: str) -> None:
    """Ask, unless `yes` says it already; anything but a yes stops the command."""
    if not yes:
        click.confirm(question, abort=True, err=True)
