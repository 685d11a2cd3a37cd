"""The command that serves: the only one that loads Flask and granian."""

from __future__ import annotations

import click

from server.commands.settings import given_config, opened, takes_config
from server.serving import serve as serve_until_stopped


@click.command()
@takes_config
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8443, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="One per core.")
def serve(host: str, port: int, workers: int) -> None:
    """Bring the database to the newest schema, then serve over HTTPS until stopped."""
    config = given_config()
    # Workers expect a database that is migrated (`server.app.create_app`).
    with opened(config):
        pass
    serve_until_stopped(config, host, port, workers)
