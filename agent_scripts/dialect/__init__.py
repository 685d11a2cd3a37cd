"""The dialects of Android, as pure functions from the words a phone let through to the policy's values.

Each reader takes the lines that `agent_scripts/on_phone/cut.sh` lets leave the phone. What cannot be believed
raises `Unreadable` with the reason; nothing is ever guessed.
"""
