"""One table of cases for both judgements: the Python one and the script's, in a real shell."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.on_phone.conftest import PhoneShell
from tests.on_phone.table import case_lines, cases, python_answer, shell_answers


def test_both_judgements_agree_on_every_case(phone_shell: PhoneShell, tmp_path: Path) -> None:
    table = list(cases())
    path = tmp_path / "table"
    path.write_text("".join(case_lines(number, case) for number, case in enumerate(table)))

    answers = shell_answers(phone_shell.words, path)

    assert len(answers) == len(table)
    differing = [
        f"list(cases())[{number}] of tests/on_phone/table.py: expected {expected}, found {answers[number]}"
        for number, case in enumerate(table)
        if (expected := python_answer(case)) != answers[number]
    ]
    assert differing[:5] == []


def test_the_table_holds_every_stage_verdict_and_action() -> None:
    seen = Counter(
        word
        for stage, verdict, enforceable, *acts in map(python_answer, cases(2000))
        for word in (stage, verdict, f"{verdict} {enforceable}", *(str(n) for n, a in enumerate(acts) if a))
    )
    wanted = {"remind", "enforce", "paused", "lifted", "compliant", "violating", "unreadable", "0", "1", "2"}
    wanted |= {"violating True", "violating False", "compliant True", "compliant False"}

    assert {word for word in wanted if seen[word] < 20} == set()
