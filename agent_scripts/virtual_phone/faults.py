"""How a phone misbehaves on demand; each fault is ordered in one line and holds until `clear` unless it says "once"."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from agent_scripts.virtual_phone.framework_answers import FrameworkAnswer

TIMEOUT_LINE = "\n*** SERVICE '{}' DUMP TIMEOUT (10000ms) EXPIRED ***\n\n"
_AS_CMD = {
    "pm": ("cmd", "package"),
    "am": ("cmd", "activity"),
    "dpm": ("cmd", "device_policy"),
    "settings": ("cmd", "settings"),
}
_NO_PACKAGE_MANAGER = "Error: Could not access the Package Manager.  Is the system running?\n"
# No UTF-8, a NUL and a terminal's escape, such as a hostile phone could send.
GARBAGE = b"\x00\xff\xfe<<garbage>>\x1b[31m" * 40


@dataclass
class _LastWords:
    service: str
    text: str
    after: int
    times: int | None

    def take(self) -> str:
        """Return what the dump that is made now ends with."""
        if self.after > 0:
            self.after -= 1
            return ""
        if self.times is not None:
            self.times -= 1
        return self.text if self.times is None or self.times >= 0 else ""


class Faults:
    """What is ordered for one phone. Ordered from any thread, obeyed by the phone's own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Behave well again."""
        with self._lock:
            self._hang_up_after: int | None = None
            self._answer_bytes: int | None = None
            self._shell: bytes | None = None
            self._silent = False
            self._slow_s = 0.0
            self._dies = False
            self._cut: tuple[int, bool] | None = None
            self._starting = 0
            self._is_starting = False
            self._last_words: list[_LastWords] = []
            self._closed_streams = 0
            self._delays_acks = False
            self._refusals: list[tuple[tuple[str, ...], FrameworkAnswer]] = []
            self._misreports: list[tuple[tuple[str, ...], FrameworkAnswer]] = []

    # Orders --------------------------------------------------------------------------------------------------

    def hang_up_after_bytes(self, count: int) -> None:
        """Close the connection after `count` more bytes sent to the station, in the middle of a packet. Once."""
        with self._lock:
            self._hang_up_after = count

    def cut_answer_after_bytes(self, count: int) -> None:
        """End the next shell command's answer after `count` bytes as if it were whole. Once."""
        with self._lock:
            self._answer_bytes = count

    def answer_garbage(self) -> None:
        """Answer every shell command with bytes that are no answer; the command does not run."""
        with self._lock:
            self._shell = GARBAGE

    def answer_megabytes(self, count: int) -> None:
        """Answer every shell command with that many megabytes; the command does not run."""
        with self._lock:
            self._shell = (b"x" * 1023 + b"\n") * (1024 * count)

    def answer_nothing(self) -> None:
        """Accept shell commands and stay silent; the command does not run."""
        with self._lock:
            self._silent = True

    def cut_dump_after(self, count: int, *, timeout_line: bool = True) -> None:
        """Cut every ``dumpsys`` after `count` characters, with dumpsys' own timeout line or without a word."""
        with self._lock:
            self._cut = (count, timeout_line)

    def slow(self, seconds: float) -> None:
        """Wait before each shell command starts."""
        with self._lock:
            self._slow_s = seconds

    def refuse(self, *words: str, text: str, exit_code: int = 255) -> None:
        """Answer framework calls that contain all `words` with `text` on stderr, doing nothing: a maker's refusal.

        ``pm`` counts as ``cmd package`` and so on, so the words may name either.
        ``refuse("disable-user", "com.example.app", text="\\njava.lang.SecurityException: …\\n")``
        """
        with self._lock:
            self._refusals.append((words, FrameworkAnswer(err=text, exit_code=exit_code)))

    def misreport(self, *words: str, text: str, exit_code: int) -> None:
        """Carry out framework calls that contain all `words`, yet answer with `text` on stderr, as after a failure."""
        with self._lock:
            self._misreports.append((words, FrameworkAnswer(err=text, exit_code=exit_code)))

    def still_booting(self) -> None:
        """Answer ``cmd`` as shortly after boot or on a patched device (docs/android/commands.md 2.2, T:b-008)."""
        text = "cmd: Failure calling service package: Failed transaction (2147483646)\n"
        # The low byte is all that an exit code holds (docs/android/commands.md 2.2).
        self.refuse("cmd", "package", text=text, exit_code=2147483646 & 0xFF)

    def starting(self, commands: int) -> None:
        """Be without Android's services for the next `commands` shell commands, as shortly after a start."""
        with self._lock:
            self._starting = commands

    def lose_service(self, service: str, *, text: str, after: int = 0, times: int | None = None) -> None:
        """End `times` dumps of `service` (all of them without a number) with `text`, exit code 0, `after` good ones.

        ``lose_service("package", text="Error with service 'package' while dumping: DEAD_OBJECT")``
        """
        with self._lock:
            self._last_words.append(_LastWords(service, f"{text}\n", after, times))

    def stand_by(self, streams: int) -> None:
        """Close the next `streams` shell streams as they are opened, like an adbd in standby."""
        with self._lock:
            self._closed_streams = streams

    def delay_acks(self) -> None:
        """Put four bytes into each OKAY to an opened stream, like an adbd that delays its acknowledgements."""
        with self._lock:
            self._delays_acks = True

    def die_in_mid_command(self) -> None:
        """Let adbd be killed once the next shell command has begun to answer: scripts die, the connection too. Once."""
        with self._lock:
            self._dies = True

    # Obeying -------------------------------------------------------------------------------------------------

    def bytes_left(self, wanted: int) -> int | None:
        """Return how many of `wanted` bytes may still be sent if the connection must then be closed, else None."""
        with self._lock:
            if self._hang_up_after is None:
                return None
            # A packet that fits exactly is sent whole and is the last one: the connection closes behind it.
            if wanted < self._hang_up_after:
                self._hang_up_after -= wanted
                return None
            left, self._hang_up_after = self._hang_up_after, None
            return left

    @property
    def shell_answer(self) -> bytes | None:
        """What to say instead of running a command."""
        return self._shell

    @property
    def silent(self) -> bool:
        """Whether to say nothing instead of running a command."""
        return self._silent

    @property
    def delay_s(self) -> float:
        """How long to wait before a command starts."""
        return self._slow_s

    def take_death(self) -> bool:
        """Return whether adbd dies now, and forget the order."""
        with self._lock:
            dies, self._dies = self._dies, False
            return dies

    def take_answer_bytes(self) -> int | None:
        """Return how many bytes of the answer that begins now may be sent, and forget the order."""
        with self._lock:
            allowed, self._answer_bytes = self._answer_bytes, None
            return allowed

    def take_closed_stream(self) -> bool:
        """Return whether the stream that is opened now is closed at once."""
        with self._lock:
            closes = self._closed_streams > 0
            self._closed_streams -= closes
            return closes

    @property
    def okay_payload(self) -> bytes:
        """What an OKAY to an opened stream carries."""
        return (32 * 1024 * 1024).to_bytes(4, "little") if self._delays_acks else b""

    def command_begins(self) -> None:
        """Count a shell command towards the end of starting."""
        with self._lock:
            # Of the whole command: all framework calls of one command meet the same Android, however many they are.
            self._is_starting = self._starting > 0
            self._starting -= self._is_starting

    def without_services(self, program: str, args: Sequence[str], *, java_pm: bool) -> FrameworkAnswer | None:
        """Return what a framework program says while Android has no services yet; up to 27 `pm` is a Java process."""
        # Properties are init's and not a service's: they can be read before Android has begun.
        if not self._is_starting or program == "getprop":
            return None
        if program == "pm" and java_pm:
            return FrameworkAnswer(err=_NO_PACKAGE_MANAGER, exit_code=1)
        service = args[0] if program in ("cmd", "dumpsys") and args else _AS_CMD.get(program, ("", ""))[1]
        if program == "dumpsys":
            return FrameworkAnswer(err=f"Can't find service: {service}\n")
        return FrameworkAnswer(err=f"cmd: Can't find service: {service}\n", exit_code=20)

    def died(self, program: str, args: Sequence[str], answer: FrameworkAnswer) -> FrameworkAnswer:
        """Return a dump with the last words of a service that died, if that was ordered."""
        if program != "dumpsys" or not args:
            return answer
        with self._lock:
            # On stderr and with the exit code of a whole dump: only the words tell that something is missing.
            said = "".join(words.take() for words in self._last_words if words.service == args[0])
        return FrameworkAnswer(answer.out, answer.err + said, answer.exit_code)

    def refusal(self, program: str, args: Sequence[str]) -> FrameworkAnswer | None:
        """Return the refusal ordered for a framework call, if there is one."""
        return _ordered(self._refusals, program, args)

    def misreported(self, program: str, args: Sequence[str]) -> FrameworkAnswer | None:
        """Return what to say of a framework call that was carried out, if that was ordered."""
        return _ordered(self._misreports, program, args)

    def cut(self, program: str, args: Sequence[str], answer: FrameworkAnswer) -> FrameworkAnswer:
        """Return a dump as far as it may go."""
        if self._cut is None or program != "dumpsys" or len(answer.out) <= self._cut[0]:
            return answer
        count, with_line = self._cut
        service = next((word for word in args if not word.startswith("-")), "")
        end = TIMEOUT_LINE.format(service) if with_line else ""
        return FrameworkAnswer(answer.out[:count] + end, answer.err, answer.exit_code)


def _ordered(
    orders: Sequence[tuple[tuple[str, ...], FrameworkAnswer]], program: str, args: Sequence[str]
) -> FrameworkAnswer | None:
    # Both names, since an order does not know whether the caller says `pm` or `cmd package`.
    said = [program, *_AS_CMD.get(program, ()), *args]
    return next((answer for words, answer in orders if all(word in said for word in words)), None)
