"""curfew-certs: make trust, approve by signing, publish, keep fresh, exchange keys, look.

Exit codes: 0 done; 1 refused or not possible, with one sentence on stderr; 2 the command was not understood.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from certs.errors import CertsError
from certs.lazy_commands import CommandAt, LazyGroup
from certs.logs import verbose_option
from certs.terminal import tell
from policy.errors import PolicyError

_COMMANDS = {
    "init": CommandAt(
        "certs.cli_trust:init",
        "Make trust: keys, root, TLS authority.",
        (
            "curfew-certs init trust --demo",
            "curfew-certs init trust --approver-key one.pub --approver-key two.pub",
        ),
    ),
    "key": CommandAt(
        "certs.cli_trust:key",
        "Make an approver's key on their own computer.",
        ("curfew-certs key approver.pem --encrypt",),
    ),
    "draft": CommandAt(
        "certs.cli_documents:draft",
        "Write a draft of the next policy, or one that lifts.",
        (
            "curfew-certs draft trust next.json",
            "curfew-certs draft trust lift.json --lift",
        ),
    ),
    "sign": CommandAt(
        "certs.cli_documents:sign",
        "Approve a policy by signing it.",
        ("curfew-certs sign trust next.json --key trust/keys/approver-1.pem",),
    ),
    "approve": CommandAt(
        "certs.cli_approve:approve",
        "Approve what is proposed on your own machine.",
        (
            "curfew-certs approve https://curfew.example.org/drafts/7 \\",
            "    --key approver.pem --trust trust",
            "curfew-certs approve https://curfew.example.org/exemptions \\",
            "    --key fleet.pem --trust trust",
            "curfew-certs approve proposal.json --key hsm:2 \\",
            "    --trust trust --out signature.json",
        ),
    ),
    "exempt": CommandAt(
        "certs.cli_documents:exempt",
        "Exempt one phone, or end its exemption.",
        (
            "curfew-certs exempt trust PHONE_ID --until 2023-04-01T12:00Z \\",
            "    --reason field_test --key trust/keys/fleet.pem",
            "curfew-certs exempt trust PHONE_ID --end --key trust/keys/fleet.pem",
        ),
    ),
    "publish": CommandAt(
        "certs.cli_trust:publish",
        "Publish what enough approvers have signed.",
        ("curfew-certs publish trust",),
    ),
    "refresh": CommandAt(
        "certs.cli_trust:refresh",
        "Renew the timestamp; a server does it by itself.",
        ("curfew-certs refresh trust",),
    ),
    "fetch": CommandAt(
        "certs.cli_fetch:fetch",
        "Take over what the server published meanwhile.",
        ("curfew-certs fetch trust https://curfew.example.org",),
    ),
    "rotate": CommandAt(
        "certs.cli_trust:rotate",
        "Exchange a key under a new root.",
        (
            "curfew-certs rotate trust targets --retire approver-1",
            "curfew-certs rotate trust root --keep-keys",
        ),
    ),
    "certificate": CommandAt(
        "certs.cli_trust:certificate",
        "Issue the server's TLS certificate anew.",
        ("curfew-certs certificate trust curfew.example.org 192.0.2.7",),
    ),
    "show": CommandAt(
        "certs.cli_trust:show",
        "Show roles, signers, ends, the bundle in force.",
        (
            "curfew-certs show trust",
            "curfew-certs show trust --json",
        ),
    ),
    "verify-witness": CommandAt(
        "certs.cli_witness:verify_witness",
        "Compare a server's audit chain with heads you kept.",
        (
            "curfew-certs verify-witness audit_heads.jsonl \\",
            "    --server https://curfew.example.org",
            "curfew-certs verify-witness seen.jsonl --keep \\",
            "    --server https://curfew.example.org \\",
            "    --authority trust/tls/authority.pem",
        ),
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every foreseeable error is one sentence on stderr."""
    try:
        code = commands.main(
            args=list(argv) if argv is not None else None, prog_name="curfew-certs", standalone_mode=False
        )
    except click.Abort:
        return _refused("stopped; nothing more is changed")
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (CertsError, PolicyError) as error:
        return _refused(str(error))
    except OSError as error:
        return _refused(f"{error.filename or 'a file'}: {error.strerror}; check the path and its permissions")
    # Outside of standalone mode click hands back what the command returned, or the code of an early exit (--help).
    return code if isinstance(code, int) else 0


@click.group(cls=LazyGroup, commands_at=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="curfew")
@verbose_option
def commands() -> None:
    """Say who is believed: keys, approvals, publications."""


def _refused(sentence: str) -> int:
    tell(f"curfew-certs: {sentence}", err=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
