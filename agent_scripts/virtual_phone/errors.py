"""What can go wrong with a virtual phone itself, as errors. What its Android answers is no error: see `answers`.

VirtualPhoneError
├── NoSuchPersonality   no ready-made phone has that name
├── PhoneCannotStart    no shell, no port, or an address that is not loopback
└── NoSuchState         a test asked for a user or package the phone does not have
"""


class VirtualPhoneError(Exception):
    """Something about the virtual phone is wrong; the message says what, and what to do next."""


class NoSuchPersonality(VirtualPhoneError, KeyError):
    """No ready-made phone has that name; the message lists those that exist."""

    def __str__(self) -> str:
        return str(self.args[0])


class PhoneCannotStart(VirtualPhoneError):
    """The phone cannot serve: no usable shell or no free port."""


class NoSuchState(VirtualPhoneError, LookupError):
    """A user or a package that this phone does not have was asked for."""
