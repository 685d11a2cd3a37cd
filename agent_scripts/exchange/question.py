"""What is asked of a phone and how its answer is read: one object, so that both go by the same values."""

from __future__ import annotations

from typing import Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Question(Protocol[T_co]):
    """One exchange. Each has a nonce of its own, drawn when it is made, so it is asked once."""

    @property
    def command(self) -> str:
        """The shell text to run on the phone. Raises `ValueError` for values that may not reach a shell."""
        ...

    def parse(self, answer: bytes) -> T_co:
        """Return what the answer says; never raises: what cannot be believed is in the result, with its reason."""
        ...
