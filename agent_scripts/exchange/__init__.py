"""What is asked of a phone and what it answered: one shell text out, one framed answer back, all of it pure.

    question       what an exchange asks and how its answer is read, as one object
    frame          the random nonce, numbered lines, sections with exit codes
    composing      shell texts from the functions of `agent_scripts/on_phone`
    phone_ledger   the ledger's form on the phone
    reading        users, owners, packages, the phone's memory
    acting         disable, restore, tell; the ledger first
    provisioning   our folder on the phone
    number         the number of its row at the bench, on its screen
    screen         whether its screen is on, and whether a key put it off
    debugging      whether USB and wireless debugging are on; switching them off
    watch_script   the script that stays on the phone
    phone_script   asking, placing and withdrawing it
    phone_spool    what it noted between visits

Nothing else can be asked: no function here takes free text for a command.
"""

from agent_scripts.dialect.debugging import Debugging, Switch
from agent_scripts.dialect.device import DeviceFacts
from agent_scripts.dialect.refusal import Refusal
from agent_scripts.exchange.acting import Acting, ActingQuestion, ActionOutcome
from agent_scripts.exchange.debugging import DebuggingQuestion, EndedDebugging, EndingDebuggingQuestion
from agent_scripts.exchange.frame import new_nonce
from agent_scripts.exchange.memory import PhoneMemory
from agent_scripts.exchange.number import NumberQuestion
from agent_scripts.exchange.phone_script import (
    PUSHED_SCRIPT,
    Handled,
    LeavingQuestion,
    PhoneScript,
    PlacingQuestion,
    PlanNumbers,
    WithdrawingQuestion,
)
from agent_scripts.exchange.phone_spool import Collected, SpoolPosition, collected
from agent_scripts.exchange.provisioning import Provisioned, ProvisioningQuestion
from agent_scripts.exchange.question import Question
from agent_scripts.exchange.reading import UNKNOWN_PHONE, Collecting, Reading, ReadingQuestion
from agent_scripts.exchange.screen import ScreenQuestion

__all__ = [
    "PUSHED_SCRIPT",
    "UNKNOWN_PHONE",
    "Acting",
    "ActingQuestion",
    "ActionOutcome",
    "Collected",
    "Collecting",
    "Debugging",
    "DebuggingQuestion",
    "DeviceFacts",
    "EndedDebugging",
    "EndingDebuggingQuestion",
    "Handled",
    "LeavingQuestion",
    "NumberQuestion",
    "PhoneMemory",
    "PhoneScript",
    "PlacingQuestion",
    "PlanNumbers",
    "Provisioned",
    "ProvisioningQuestion",
    "Question",
    "Reading",
    "ReadingQuestion",
    "Refusal",
    "ScreenQuestion",
    "SpoolPosition",
    "Switch",
    "WithdrawingQuestion",
    "collected",
    "new_nonce",
]
