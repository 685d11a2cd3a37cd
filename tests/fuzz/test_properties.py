"""Whatever the lines of an answer are: nothing raises, and nothing but proof makes a phone compliant."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.verdict import Verdict
from tests.fuzz.target import NONCE, check, framed, judged, lines_of, read, seeds

_AT = st.integers(0, 10_000)
_CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("drop"), _AT, _AT),
        st.tuples(st.just("double"), _AT, _AT),
        st.tuples(st.just("swap"), _AT, _AT),
        st.tuples(st.just("cut"), _AT, _AT),
        st.tuples(st.just("move"), _AT, _AT),
        st.tuples(st.just("say"), _AT, st.text(max_size=40)),
    ),
    min_size=1,
    max_size=6,
)


def changed(lines: list[str], kind: str, at: int, with_: int | str) -> list[str]:
    """Return the lines after one change that a broken phone, or a hostile text, could make."""
    lines = list(lines) or [""]
    at %= len(lines)
    if isinstance(with_, str):
        return [*lines[:at], with_, *lines[at:]]
    other = with_ % len(lines)
    match kind:
        case "drop":
            return [line for n, line in enumerate(lines) if n != at]
        case "double":
            return [*lines[: at + 1], *lines[at:]]
        case "swap":
            lines[at], lines[other] = lines[other], lines[at]
        case "cut":
            lines[at] = lines[at][: with_ % (len(lines[at]) + 1)]
        case "move":
            lines.insert(other, lines.pop(at))
    return lines


def test_the_seeds_are_answers_of_every_verdict() -> None:
    verdicts = [check(seed) for seed in seeds()]

    assert verdicts == [Verdict.COMPLIANT, Verdict.VIOLATING, Verdict.VIOLATING, Verdict.COMPLIANT]


@given(seed=st.integers(0, 3), changes=_CHANGES)
@settings(max_examples=400, deadline=None)
def test_no_change_of_lines_makes_compliance_without_proof(seed: int, changes: list[tuple]) -> None:  # type: ignore[type-arg]
    lines = lines_of(seeds()[seed])
    for change in changes:
        lines = changed(lines, *change)

    check("\n".join(lines).encode("utf-8", "replace"))


@given(
    noise=st.one_of(
        st.binary(max_size=2000), st.text(max_size=2000).map(lambda t: t.encode("utf-8", "replace"))
    )
)
@settings(max_examples=200, deadline=None)
def test_noise_is_never_compliant(noise: bytes) -> None:
    assert check(noise) is Verdict.UNREADABLE
    assert judged(noise).verdict is Verdict.UNREADABLE


@pytest.mark.parametrize("seed", range(4))
def test_no_cut_of_an_answer_at_any_byte_is_compliant(seed: int) -> None:
    """Not even where the answer would have been compliant had it been whole; all but its last newline is needed."""
    answer = framed(lines_of(seeds()[seed]))

    for size in range(len(answer) - 1):
        assert read(answer[:size]).observation.unreadable, size
    assert judged(answer[:-1]).verdict is judged(answer).verdict


@pytest.mark.parametrize("seed", [1, 2])
def test_no_cut_of_any_section_turns_violating_into_compliant(seed: int) -> None:
    """A dump that Android cut without saying so, at any line and in the middle of it."""
    lines = lines_of(seeds()[seed])
    exits = [n for n, line in enumerate(lines) if line.startswith("NONCE exit ")]

    for n, line in enumerate(lines):
        if line.startswith("NONCE "):
            continue
        end = next(at for at in exits if at > n)
        for kept in ((), (line[: len(line) // 2],), (line[:-1],), (line,)):
            cut = [*lines[:n], *kept, *lines[end:]]
            assert check("\n".join(cut).encode()) is not Verdict.COMPLIANT, (n, kept)


def test_an_answer_of_ten_thousand_users_is_unreadable() -> None:
    users = [f"user {n} installed:false hidden:false suspended:false enabled:0" for n in range(10_000)]
    seed = seeds()[0].decode()
    shell = seed.replace(
        "NONCE open package:com.android.shell\npackage", "NONCE open package:com.android.shell\n@", 1
    )
    start, end = shell.index("@"), shell.index("NONCE exit package:com.android.shell")

    verdict = check((shell[:start] + "\n".join(["package", *users]) + "\n" + shell[end:]).encode())

    assert verdict is Verdict.UNREADABLE


def test_a_mark_is_not_guessed_by_an_input() -> None:
    assert NONCE not in seeds()[0].decode()
