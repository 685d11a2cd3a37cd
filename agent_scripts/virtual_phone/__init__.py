"""A phone made of software: the real ADB protocol in front of a model of Android, for tests, demo and training."""

from agent_scripts.virtual_phone.errors import VirtualPhoneError
from agent_scripts.virtual_phone.model import AndroidModel
from agent_scripts.virtual_phone.personalities import PERSONALITIES, Personality, personality
from agent_scripts.virtual_phone.phone import VirtualPhone

__all__ = ["PERSONALITIES", "AndroidModel", "Personality", "VirtualPhone", "VirtualPhoneError", "personality"]
