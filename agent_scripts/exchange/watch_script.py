"""The one file that stays on the phone, composed from the functions that the station's own exchanges use."""

from __future__ import annotations

from agent_scripts.exchange.composing import ACTING, functions

SCRIPT_NAME = "curfew.sh"
# The filters are made with the nonce, so it comes first: what other apps print into a dump cannot forge it.
_HEAD = (
    "#!/system/bin/sh",
    "umask 077",
    "nonce=$(head -n 4 /dev/urandom | sha256sum)",
    "nonce=${nonce%% *}",
    "may_name_phone=",
)
PARTS = (
    *("frame", "cut", *ACTING, "facts", "plan", "plan_in_force", "judge", "judge_actions"),
    *("ledger", "clock", "spool", "check", "watch", "commands"),
)


def watch_script() -> bytes:
    """Return the script: settings, functions in a fixed order, and on the last line the one call.

    A half-copied file does nothing. It takes its folder from the path it is started by:
    ``sh /data/local/tmp/curfew/curfew.sh start SECONDS``.
    """
    return "\n".join((*_HEAD, *map(functions, PARTS), 'main "$@"')).encode() + b"\n"
