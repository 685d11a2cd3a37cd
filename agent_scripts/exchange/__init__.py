"""What is asked of a phone and what it answered: one shell text out, one framed answer back, all of it pure.

    frame          the random mark, numbered lines, sections with exit codes
    composing      shell texts from the functions of `agent_scripts/on_phone`
    phone_ledger   the ledger's form on the phone
    reading        users, owners, packages, the phone's memory
    acting         disable, restore, tell; the ledger first
    provisioning   our folder on the phone
    watch_script   the script that stays on the phone
    phone_script   asking, placing and withdrawing it
    phone_spool    what it noted between visits

Nothing else can be asked: no function here takes free text for a command.
"""

from agent_scripts.dialect.device import DeviceFacts
from agent_scripts.dialect.refusals import Refusal
from agent_scripts.exchange.acting import Acting, ActionOutcome, act_command, parse_acting
from agent_scripts.exchange.frame import new_mark
from agent_scripts.exchange.memory import PhoneMemory
from agent_scripts.exchange.phone_script import (
    PUSHED_SCRIPT,
    Handled,
    PhoneScript,
    PlanNumbers,
    leave_command,
    parse_handled,
    place_command,
    withdraw_command,
)
from agent_scripts.exchange.phone_spool import Collected, SpoolMark, collected
from agent_scripts.exchange.provisioning import Provisioned, parse_provisioning, provision_command
from agent_scripts.exchange.reading import UNKNOWN_PHONE, Collecting, Reading, parse_reading, read_command

__all__ = [
    "PUSHED_SCRIPT",
    "UNKNOWN_PHONE",
    "Acting",
    "ActionOutcome",
    "Collected",
    "Collecting",
    "DeviceFacts",
    "Handled",
    "PhoneMemory",
    "PhoneScript",
    "PlanNumbers",
    "Provisioned",
    "Reading",
    "Refusal",
    "SpoolMark",
    "act_command",
    "collected",
    "leave_command",
    "new_mark",
    "parse_acting",
    "parse_handled",
    "parse_provisioning",
    "parse_reading",
    "place_command",
    "provision_command",
    "read_command",
    "withdraw_command",
]
