"""``curfew-server``: its commands, and the one place where errors become a sentence and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from certs.errors import CertsError
from certs.lazy_commands import CommandAt, LazyGroup
from certs.logs import verbose_option
from certs.terminal import tell
from certs.typed_options import remember_options
from server.errors import RequestRefused, ServiceError

_COMMANDS = {
    "init": CommandAt(
        "server.commands.prepare:init",
        "Make a folder with settings and fresh secrets.",
        ("curfew-server init server --trust trust --url https://curfew.example.org",),
    ),
    "migrate": CommandAt(
        "server.commands.prepare:migrate",
        "Bring the database to the newest schema.",
        ("curfew-server --config server/server.env migrate",),
    ),
    "publish": CommandAt(
        "server.commands.prepare:publish",
        "Take over what curfew-certs has published.",
        ("curfew-server --config server/server.env publish trust",),
    ),
    "policy": CommandAt(
        "server.commands.policy:policy",
        "Draft the next policy, compare and rehearse it.",
        (
            "curfew-server policy draft --author author-1 --title 'Later deadline'",
            "curfew-server policy diff policy.yaml",
            "curfew-server policy rehearse --draft 3",
        ),
    ),
    "serve": CommandAt(
        "server.commands.serve:serve",
        "Serve pages and stations over HTTPS until stopped.",
        ("curfew-server --config server/server.env serve --port 8443 --workers 2",),
    ),
    "person": CommandAt(
        "server.commands.people:person",
        "Make, change or switch off an account.",
        (
            "curfew-server person desk-1 --role technician --role auditor",
            "curfew-server person desk-1 --role admin --keep-password",
            "curfew-server person desk-1 --first-password",
            "curfew-server person desk-1 --off",
        ),
    ),
    "people": CommandAt(
        "server.commands.people:list_people",
        "List the accounts and their roles.",
        ("curfew-server people", "curfew-server people --role admin --json"),
    ),
    "token": CommandAt(
        "server.commands.people:token",
        "Print an API token for a person, once.",
        (
            "curfew-server token desk-1",
            "curfew-server token gateway --for 'mail gateway' --scope blocks --days 180",
        ),
    ),
    "tokens": CommandAt(
        "server.commands.people:list_tokens",
        "List the API tokens, the next to end first.",
        ("curfew-server tokens", "curfew-server tokens --owner desk-1 --json"),
    ),
    "end-token": CommandAt(
        "server.commands.people:end_token",
        "End an API token that is lost or not needed.",
        ("curfew-server end-token 0123456789abcdef",),
    ),
    "enrolment-code": CommandAt(
        "server.commands.stations:enrolment_code",
        "Print a code that enrols one station.",
        ("curfew-server enrolment-code --for 'bench 1' --hours 8",),
    ),
    "revoke": CommandAt(
        "server.commands.stations:revoke",
        "Refuse all that a station sends from now on.",
        ("curfew-server revoke STATION_ID",),
    ),
    "changes": CommandAt(
        "server.commands.changes:changes",
        "Tell what changed since yesterday.",
        ("curfew-server changes", "curfew-server changes --hours 72 --json"),
    ),
    "blocks": CommandAt(
        "server.commands.blocks:blocks",
        "Tell whom the mail side is to block.",
        ("curfew-server blocks", "curfew-server blocks --cause silent --json"),
    ),
    "units": CommandAt(
        "server.commands.units:units",
        "Say which unit phones belong to.",
        ("curfew-server units import units.csv --dry-run",),
    ),
    "retire": CommandAt(
        "server.commands.retiring:retire",
        "Say that a phone does not come back.",
        (
            "curfew-server retire CW-17 --because 'stolen in a train' --by admin-1",
            "curfew-server retire CW-17 --take-back --by admin-1",
        ),
    ),
    "exemptions": CommandAt(
        "server.commands.exemptions:exemptions",
        "Ask for exemptions, and list them.",
        (
            "curfew-server exemptions list",
            "curfew-server exemptions ask CW-17 --until 2027-04-01T12:00Z \\",
            "    --reason travel --by desk-1",
        ),
    ),
    "deadline": CommandAt(
        "server.commands.deadline:deadline",
        "Tell who is not ready for the deadline, and what follows.",
        ("curfew-server deadline", "curfew-server deadline --json"),
    ),
    "lift": CommandAt(
        "server.commands.lift:lift",
        "Follow a lift until all is restored.",
        ("curfew-server lift status", "curfew-server lift certify --by approver-1"),
    ),
    "audit": CommandAt(
        "server.commands.audit:audit",
        "Check the chain of changes, and what stations saw.",
        (
            "curfew-server audit verify",
            "curfew-server audit verify --witness bench-2/audit_heads.jsonl",
        ),
    ),
    "check": CommandAt(
        "server.commands.check:check",
        "Look whether what is stored is whole.",
        (
            "curfew-server --config server/server.env check",
            "curfew-server check --json",
        ),
    ),
    "loadtest": CommandAt(
        "server.commands.loadtest:loadtest",
        "Measure what this machine carries.",
        (
            "curfew-server loadtest --stations 100 --workers 2",
            "curfew-server loadtest --database-url postgresql+psycopg:///trial",
        ),
    ),
    "backup": CommandAt(
        "server.commands.backups:backup",
        "Copy all that the server needs into one file.",
        ("curfew-server --config server/server.env backup curfew.backup",),
    ),
    "restore": CommandAt(
        "server.commands.backups:restore",
        "Stand the server up again from such a file.",
        ("curfew-server --config new-server/server.env restore curfew.backup",),
    ),
    "thin": CommandAt(
        "server.commands.storage:thin",
        "Drop old reports in which nothing changed.",
        (
            "curfew-server thin --older-than 90",
            "curfew-server thin --older-than 90 --yes",
        ),
    ),
    "purge": CommandAt(
        "server.commands.storage:purge",
        "Delete reports beyond the time they are kept.",
        (
            "curfew-server purge",
            "curfew-server purge --yes --certificates /var/backups/curfew",
        ),
    ),
    "verify-purge": CommandAt(
        "server.commands.storage:verify_purge",
        "Verify the certificate of a purge.",
        ("curfew-server verify-purge purge-41.json --report kept.json",),
    ),
    "verify-lift": CommandAt(
        "server.commands.lift:verify_lift",
        "Verify the certificate of a lift.",
        ("curfew-server verify-lift lift-57.json --audit-key audit.pub --report r.json",),
    ),
}


@click.group(cls=LazyGroup, commands_at=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="curfew")
@verbose_option
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The server.env to use; ./server.env unless given.",
)
@click.pass_context
def cli(context: click.Context, config: Path | None) -> None:
    """Run the authority of Curfew."""
    context.obj = config
    remember_options("curfew-server", *(() if config is None else ("--config", str(config))))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 refused (one sentence on stderr), 2 wrongly typed."""
    try:
        # Not standalone: click would end the process by itself, and whoever calls this wants the exit code.
        result = cli.main(
            args=None if argv is None else list(argv), prog_name="curfew-server", standalone_mode=False
        )
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        tell("stopped; nothing more is changed", err=True)
        return 1
    # Before its mother class below: it alone has a next step to tell.
    except RequestRefused as error:
        tell(f"curfew-server: {error.message}. {error.next_step}", err=True)
        return 1
    except (ServiceError, CertsError) as error:
        tell(f"curfew-server: {error}", err=True)
        return 1
    # click returns the exit code of --help and --version; commands return nothing.
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    sys.exit(main())
