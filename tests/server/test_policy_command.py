"""``curfew-server policy``: drafts for those who keep policies in files."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from policy.schemas import dump_policy_document, load_policy_document
from policy.schemas.yaml_form import json_of_yaml, yaml_of_json
from server.cli import main
from server.drafts.drafts import find_draft
from server.evidence import audit
from server.people.people import Role, put_person
from tests.server.authority import NOW, PASSWORD, Authority, banning_policy

Run = Callable[..., int]


@pytest.fixture
def run(small_authority: Authority) -> Run:
    config = str(small_authority.write_settings())
    with small_authority.database.writing() as session:
        put_person(session, "author-1", PASSWORD, [Role.AUTHOR], "test", NOW)
        put_person(session, "desk-1", PASSWORD, [Role.TECHNICIAN], "test", NOW)
    return lambda *words: main(["--config", config, "policy", *map(str, words)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A policy in YAML as a team keeps it: with a comment, and a number of its own."""
    text = yaml_of_json(dump_policy_document(40, banning_policy(name="From git")))
    (tmp_path / "policy.yaml").write_text(f"# ours\n{text}")
    return tmp_path / "policy.yaml"


def test_a_file_becomes_a_draft_under_the_next_number(
    run: Run, file: Path, small_authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("import", file, "--author", "author-1", "--title", "From git") == 0
    with small_authority.database.reading() as session:
        draft = find_draft(session, 1)

    assert load_policy_document(draft.document) == (2, banning_policy(name="From git"))
    assert "Draft 1 stands at revision 1; nothing is published by it." in capsys.readouterr().out


def test_a_file_that_names_a_unit_becomes_a_draft_that_lists_its_phones(
    run: Run, file: Path, small_authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    at = "starts_at: 2027-03-16T00:00:00Z"
    rings = f"  rings:\n  - {{unit: A, {at}}}\n  - {{share: 1.0, {at}}}"
    file.write_text(file.read_text().replace("  rings: []", rings))
    assert run("import", file, "--author", "author-1", "--title", "From git") == 1
    assert 'rules.rings.0.unit: nobody is in unit "A"' in capsys.readouterr().err
    phone = small_authority.phone(small_authority.bench(), unit="A")

    assert run("diff", file) == 1
    assert "1 phone by list (unit A; " in capsys.readouterr().out
    assert run("import", file, "--author", "author-1", "--title", "From git") == 0
    with small_authority.database.reading() as session:
        assert find_draft(session, 1).policy.listed == {phone: 1}
    assert run("lint", file) == 1
    assert "a server lists those of a unit when it takes the policy as a draft" in capsys.readouterr().err


def test_a_changed_file_becomes_its_next_revision(
    run: Run, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("import", file, "--author", "author-1", "--title", "From git")
    file.write_text(file.read_text().replace("From git", "From git, later"))
    assert run("import", file, "--author", "author-1", "--draft", 1, "--note", "later") == 0

    assert "Draft 1 stands at revision 2" in capsys.readouterr().out


def test_what_is_exported_can_be_imported_again(run: Run, tmp_path: Path) -> None:
    for name in ("policy.yaml", "policy.json"):
        assert run("export", tmp_path / name) == 0
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600

    in_yaml = json_of_yaml((tmp_path / "policy.yaml").read_bytes())
    assert json.loads(in_yaml) == json.loads((tmp_path / "policy.json").read_bytes())
    assert run("export", tmp_path / "policy.json") == 1


def test_a_lift_begins_with_the_policy_in_force(run: Run, tmp_path: Path) -> None:
    assert run("draft", "--author", "author-1", "--title", "Lift", "--from", "lift") == 0
    assert run("export", tmp_path / "lift.json", "--draft", 1) == 0

    number, policy = load_policy_document((tmp_path / "lift.json").read_bytes())
    assert (number, policy.lifted) == (2, True)


def test_a_difference_is_shown_by_subject_and_by_exit_code(
    run: Run, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("diff", file) == 1
    assert "From git" in capsys.readouterr().out
    run("import", file, "--author", "author-1", "--title", "From git")

    assert run("diff", file, "--draft", 1) == 0


def test_lint_names_every_field_at_fault(run: Run, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lint", file) == 0
    file.write_text(file.read_text().replace("lifted: false", "lifted: no"))

    assert run("lint", file) == 1
    assert "rules.lifted: expected true or false, found 'no'" in capsys.readouterr().err


def test_a_draft_needs_an_account_that_may_write_one(
    run: Run, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("import", file, "--author", "desk-1", "--title", "x") == 1
    assert run("import", file, "--author", "nobody-1", "--title", "x") == 1
    told = capsys.readouterr().err

    assert "the account desk-1 may not write and rehearse drafts" in told
    assert "nobody is called 'nobody-1'" in told


def test_drafts_are_listed_until_they_have_ended(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("draft", "--author", "author-1", "--title", "Later")
    run("drafts")
    assert "1: Later (revision 1, open)" in capsys.readouterr().out
    run("withdraw", 1, "--author", "author-1")
    run("drafts")
    assert "No draft is open" in capsys.readouterr().err
    run("drafts", "--all")

    assert "1: Later (revision 1, withdrawn)" in capsys.readouterr().out


def test_a_draft_is_put_before_its_approvers_and_the_command_that_signs_is_told(
    run: Run, small_authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    run("draft", "--author", "author-1", "--title", "Later")
    capsys.readouterr()

    assert run("propose", 1, "--author", "author-1") == 0

    said = capsys.readouterr().out
    assert "Draft 1, revision 1, is proposed until " in said
    assert "1 approver of approver-1 to sign" in said
    assert f"curfew-certs approve {small_authority.config.public_url}/drafts/1 --key KEY" in said
    with small_authority.database.reading() as session:
        row, *_ = audit.newest_rows(session)
    assert row.action == "draft proposed"
    assert row.actor.endswith(" on the server's command line")


def test_a_draft_is_proposed_once_by_whom_may_and_for_a_time_with_its_zone(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run("draft", "--author", "author-1", "--title", "Later")

    assert run("propose", 1, "--author", "desk-1") == 1
    assert run("propose", 1, "--author", "author-1", "--publish-at", "tomorrow") == 2
    assert run("propose", 1, "--author", "author-1", "--publish-at", "2027-03-15T12:00") == 2
    assert run("propose", 7, "--author", "author-1") == 1
    run("propose", 1, "--author", "author-1")
    assert run("propose", 1, "--author", "author-1") == 1

    said = capsys.readouterr().err
    assert "the account desk-1 may not propose drafts" in said
    assert "--publish-at: expected a time like 2027-03-15T12:00Z, found 'tomorrow'" in said
    assert "expected a time with its zone, like 2027-03-15T12:00Z, found none" in said
    assert "there is no draft 7" in said
    assert "this revision was proposed already, by author-1" in said


def test_a_file_that_is_not_there_is_named(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lint", "missing.yaml") == 1

    assert "missing.yaml: No such file or directory. Check its name." in capsys.readouterr().err
