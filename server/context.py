"""What every view needs besides its request: settings, database and clock of this application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from server.clock import Clock
from server.config import Config
from server.evidence.audit import HeadSigner
from server.intake.intake import Intake
from server.storage.database import Database
from server.storage.replica import Lists

_EXTENSION = "curfew"


@dataclass(frozen=True)
class Context:
    """Handed to the application once, at its making."""

    config: Config
    database: Database
    clock: Clock
    head_signer: HeadSigner
    intake: Intake
    lists: Lists


def install_context(app: Flask, context: Context) -> None:
    """Let the views of `app` find `context`."""
    app.extensions[_EXTENSION] = context


def context() -> Context:
    """Return the context of the application that serves the current request."""
    return cast(Context, current_app.extensions[_EXTENSION])
