"""The words of a draft's form: each rule in a sentence, with what it means for phones."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """One field of the form: its name in the document, what it is called, and what follows from it on phones."""

    label: str
    meaning: str


QUESTIONS = {
    "name": Question("Name", "What approvers and technicians call this policy."),
    "families": Question(
        "Banned apps",
        "A phone with any of these in any user violates the policy. An app that is switched off here is listed and"
        " bans nothing. To remove one, empty its fields.",
    ),
    "managed": Question(
        "Managed apps",
        "These stay off while the ban is violated, in the places ticked and nowhere else, and come back exactly as they"
        " were.",
    ),
    "owners": Question(
        "Owners of places",
        "The device-management apps, a package a line. Only a work profile or a phone of one of these is the"
        " organisation's place; any other profile is personal and never touched.",
    ),
    "kinds": Question(
        "Users that count",
        "A banned app in a user of another kind is not looked at.",
    ),
    "deadline": Question(
        "Deadline",
        "Before it, phones that violate the policy are reminded; from then on their managed apps are switched off."
        " On the clocks of the time zone beside it.",
    ),
    "time_zone": Question("Time zone of the deadline", "Like Europe/Brussels."),
    "review_at": Question(
        "Review due (UTC)",
        "Past it the measure pauses: nothing new is disabled, and restoring goes on, until a reviewed policy is"
        " published.",
    ),
    "ends_at": Question(
        "Ends (UTC)",
        "Past it every phone is put back, by time alone, even without a server.",
    ),
    "reminders_hours_before": Question(
        "Reminders",
        "So many hours before the deadline, separated by commas: dates for the office, in its calendar file. A phone"
        " reminds its owner at every check before the deadline, whatever stands here.",
    ),
    "rings": Question(
        "Rings",
        "Which phones come first, in their order, each ring from a time of its own on; no phone before the deadline. A"
        " ring is a stable share of all phones, the last of them 100 %, or phones by name, or those of a unit as they"
        " are when this is saved: one that comes to the unit later is in the ring of its share. Whoever is named in a"
        " ring is in that one alone. Without rings the deadline is the same for all.",
    ),
    "offline_limit_hours": Question(
        "A station may be offline for (hours)",
        "Longer, and it disables nothing new; restoring goes on for ever.",
    ),
    "overdue_limit_hours": Question(
        "A phone is silent after (hours)",
        "After the deadline the mail side is told to block a phone that nobody could check for so long.",
    ),
    "check_interval_minutes": Question("Checked every (minutes)", "How often a phone in reach is looked at."),
    "check_jitter_minutes": Question(
        "And up to so many minutes later", "So that not all phones are checked at once."
    ),
    "preinstalled_disabled_counts": Question(
        "A preinstalled app that is switched off counts as gone",
        "Its owner cannot remove it. Without this such a phone can comply by no means of its own.",
    ),
    "on_phone": Question(
        "The phone checks by itself between visits",
        "A small script stays on the phone, and disables and restores without a cable until the phone restarts.",
    ),
    "debugging_at_hand_back": Question(
        "USB and wireless debugging go off when a phone is handed back",
        "Without this they go off only where they were off when the phone was provisioned. Stations from before this"
        " rule refuse a policy that has it, and go on with the one before.",
    ),
    "lifted": Question(
        "Lift the measure",
        "Every phone is put back at its next check, whatever is installed; nothing is disabled any more.",
    ),
    "minimum_judgement": Question(
        "Judgement at least", "Stations with older rules refuse the policy instead of judging it otherwise."
    ),
    "messages": Question(
        "Messages",
        "What the phone's owner reads, in the phone's language, else in English. All three texts, or none.",
    ),
}

MESSAGE_MOMENTS = {
    "remind": "Before the deadline",
    "disabled": "When work apps are switched off",
    "restored": "When all is back",
}
