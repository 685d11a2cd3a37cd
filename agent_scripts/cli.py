"""The technician's command line: its commands, and the one place where errors become a sentence and a code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from click.core import ParameterSource

from agent_scripts.errors import AgentError
from agent_scripts.exit_codes import ExitCode
from certs.errors import CertsError
from certs.lazy_commands import CommandAt, LazyGroup
from certs.logs import verbose_option
from certs.terminal import tell
from certs.typed_options import remember_options
from policy.errors import PolicyError

_COMMANDS = {
    "enrol": CommandAt(
        "agent_scripts.commands.set_up:enrol",
        "Join a server with its enrolment code.",
        (
            "curfew-agent enrol \"$(cat code)\" --name 'bench 1' \\",
            "    --organisation-key organisation.key",
        ),
    ),
    "devices": CommandAt(
        "agent_scripts.commands.looking:devices",
        "List phones, and what to do about each.",
        (
            "curfew-agent devices",
            "curfew-agent devices --json",
        ),
    ),
    "provision": CommandAt(
        "agent_scripts.commands.set_up:provision",
        "Make phones known, with their owners' consent.",
        (
            "curfew-agent provision adb:R58M41ABCDE --holder mailbox-77 --label A-1042",
            "curfew-agent provision adb:ONE adb:TWO --holder mail-77 --holder mail-78",
            "curfew-agent provision --label A-1042 --holder mailbox-77 --consent declined",
            "curfew-agent provision --batch phones.csv",
        ),
    ),
    "bench": CommandAt(
        "agent_scripts.commands.bench:bench",
        "Serve many phones as they are plugged in.",
        (
            "curfew-agent bench",
            "curfew-agent bench --batch phones.csv",
            "curfew-agent bench --batch phones.csv --once --json",
            "curfew-agent bench --batch phones.csv --paper ~/paper \\",
            "    --print-label 'lp -d labels' --print-receipt 'lp -d office'",
        ),
    ),
    "probe": CommandAt(
        "agent_scripts.commands.at_the_bench:probe_phones_command",
        "Show what can be promised of a phone.",
        (
            "curfew-agent probe adb:R58M41ABCDE",
            "curfew-agent probe --all --json",
        ),
    ),
    "check": CommandAt(
        "agent_scripts.commands.at_the_bench:check",
        "Read, judge, act and read back.",
        (
            "curfew-agent check --all",
            "curfew-agent check adb:R58M41ABCDE --json",
        ),
    ),
    "restore": CommandAt(
        "agent_scripts.commands.at_the_bench:restore",
        "Put back everything that was changed.",
        (
            "curfew-agent restore adb:R58M41ABCDE",
            "curfew-agent restore --all --yes",
        ),
    ),
    "unprovision": CommandAt(
        "agent_scripts.commands.set_up:unprovision",
        "Put back, and leave no trace on phones.",
        (
            "curfew-agent unprovision adb:R58M41ABCDE",
            "curfew-agent unprovision adb:R58M41ABCDE --debugging off",
        ),
    ),
    "watch": CommandAt(
        "agent_scripts.commands.at_the_bench:watch",
        "Check again and again until Ctrl-C.",
        (
            "curfew-agent watch --all",
            "curfew-agent watch --all --rounds 1 --json",
        ),
    ),
    "status": CommandAt(
        "agent_scripts.commands.looking:status",
        "Show this station, its trust and its spool.",
        (
            "curfew-agent status",
            "curfew-agent status --json",
        ),
    ),
    "send": CommandAt(
        "agent_scripts.commands.at_the_bench:send", "Send the reports that wait here.", ("curfew-agent send",)
    ),
    "receipt": CommandAt(
        "agent_scripts.commands.paper:receipt",
        "Print what a phone's owner keeps.",
        (
            "curfew-agent receipt A-1042 --language fr",
            "curfew-agent receipt --all --out receipts.pdf",
        ),
    ),
    "label": CommandAt(
        "agent_scripts.commands.paper:label",
        "Print a sticker per phone.",
        (
            "curfew-agent label A-1042 --out label.svg",
            "curfew-agent label --all --out labels.zpl",
        ),
    ),
    "sheet": CommandAt(
        "agent_scripts.commands.paper:sheet",
        "Print the list of phones checked here.",
        (
            "curfew-agent sheet --all",
            "curfew-agent sheet --all --out batch.csv",
        ),
    ),
    "virtual-phone": CommandAt(
        "agent_scripts.commands.set_up:virtual_phone",
        "Start a phone of software to train on.",
        (
            "curfew-agent virtual-phone --model list",
            "curfew-agent virtual-phone --model tiktok-personal --port 5600",
        ),
    ),
}


@click.group(cls=LazyGroup, commands_at=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--station",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path.home() / ".curfew-station",
    envvar="CURFEW_STATION",
    show_default="~/.curfew-station",
    help="Folder that holds this station's key, ledgers and reports.",
)
@click.option(
    "--operator",
    default="unnamed",
    envvar="CURFEW_OPERATOR",
    show_default=True,
    help="Who works at the bench, as reports name it.",
)
@click.option(
    "--plain-tcp", is_flag=True, help="Allow tcp: phones beyond this computer; anybody on the way can read."
)
@click.option(
    "--story-clock",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="CURFEW_STORY_CLOCK",
    hidden=True,
    help="File with seconds to add to the clock; works under a demo root only.",
)
@click.version_option(package_name="curfew")
@verbose_option
@click.pass_context
def curfew_agent(
    context: click.Context, folder: Path, operator: str, plain_tcp: bool, story_clock: Path | None
) -> None:
    """Check phones for the banned app, act as the policy says, and put everything back."""
    # Loaded with the command, not for --help: it knows stations, phones and visits.
    from agent_scripts.commands.settings import Settings

    context.obj = Settings(folder, operator, plain_tcp, story_clock)
    # From the environment it comes again by itself.
    named = context.get_parameter_source("folder") is ParameterSource.COMMANDLINE
    given = (*(("--station", str(folder)) if named else ()), *(("--plain-tcp",) if plain_tcp else ()))
    remember_options("curfew-agent", *given)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code (`agent_scripts.exit_codes`)."""
    try:
        # In its standalone mode click prints and exits by codes of its own, and none of what follows is reached.
        result = curfew_agent.main(args=arguments, prog_name="curfew-agent", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return ExitCode.WRONG_USE
    except click.Abort as error:
        # click makes this of Ctrl-C too; at one of its own questions it does not name the interrupt as the cause.
        at_work = isinstance(error.__cause__, KeyboardInterrupt)
        _say(f"Stopped{'; what was done is on disk, the next check goes on from there' if at_work else ''}.")
        return ExitCode.WRONG_USE
    except (AgentError, CertsError, PolicyError) as error:
        if os.environ.get("CURFEW_VERBOSE"):
            raise
        _say(f"{error}")
        return ExitCode.WRONG_USE
    # Commands that only show return None.
    return int(result or ExitCode.COMPLIANT)


def _say(sentence: str) -> None:
    tell(sentence, err=True)


if __name__ == "__main__":
    sys.exit(main())
