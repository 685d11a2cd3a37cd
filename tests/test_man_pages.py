"""The manual pages say what the help says, of every command, in words that man shows as they stand."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import click
import pytest

from certs.man_pages import installed_programs, main, man_page, man_pages
from tests.test_command_lines import NAMES, commands_of
from tests.test_command_lines import PROGRAMS as GROUPS

EACH_PROGRAM = pytest.mark.parametrize("module", sorted(NAMES))
HEADINGS = {"Usage:", "Options:", "Commands:", "Examples:"}


@cache
def pages_of(module: str) -> dict[str, str]:
    return dict(man_pages(NAMES[module], GROUPS[module]))


def shown(page: str) -> str:
    """Return what a page shows, without its markup."""
    text = re.sub(r"\\f[BR]|\\&", "", page)
    return text.replace("\\-", "-").replace("\\e", "\\")


def words_of_help(module: str, name: str, command: click.Command) -> list[str]:
    program = click.Context(GROUPS[module], info_name=NAMES[module], **GROUPS[module].context_settings)
    context = click.Context(command, parent=program, info_name=name)
    # In one long line each: what a terminal's edge parts would be two words.
    context.terminal_width = context.max_content_width = 10_000
    return [word for word in command.get_help(context).split() if word not in HEADINGS]


def test_all_three_programs_have_their_pages() -> None:
    assert installed_programs() == {NAMES[module]: group for module, group in GROUPS.items()}


@EACH_PROGRAM
def test_every_command_has_a_page_and_no_page_is_of_anything_else(module: str) -> None:
    commands = {f"{NAMES[module]}-{name.replace(' ', '-')}.1" for name, _ in commands_of(module)}

    assert set(pages_of(module)) == {f"{NAMES[module]}.1", *commands}


@EACH_PROGRAM
def test_a_page_holds_every_word_of_its_commands_help(module: str) -> None:
    for name, command in commands_of(module):
        # In the list of a group the commands are named by their pages.
        page = shown(pages_of(module)[f"{NAMES[module]}-{name.replace(' ', '-')}.1"]).replace("(1)", "")
        told = {*page.split(), *(word.rpartition("-")[2] for word in page.split())}
        listed = (
            set(command.list_commands(click.Context(command))) if isinstance(command, click.Group) else set()
        )
        missing = set(words_of_help(module, name, command)) - told - {word for word in listed if word in page}
        assert missing == set(), f"{NAMES[module]} {name}"


@EACH_PROGRAM
def test_the_page_of_a_program_lists_its_commands_with_what_they_do(module: str) -> None:
    page = shown(pages_of(module)[f"{NAMES[module]}.1"])
    group = GROUPS[module]
    for name in group.list_commands(click.Context(group)):
        assert f"{NAMES[module]}-{name}(1)\n{group.summary_of(name)}\n" in page  # type: ignore[attr-defined]


def test_a_page_tells_which_variable_stands_for_an_option_and_none_that_is_hidden() -> None:
    page = shown(pages_of("agent_scripts.cli")["curfew-agent.1"])

    assert "CURFEW_STATION\nCounts where --station is not given." in page
    assert "CURFEW_STORY_CLOCK" not in page
    assert "--story-clock" not in page


def test_a_line_that_looks_like_a_request_of_groff_is_shown_as_it_stands() -> None:
    @click.command("odd", help=".hidden\n'quoted' and C:\\temp\n\n\b\nkept\n  as it is\n")
    def odd() -> None: ...

    page = man_page(click.Context(odd, info_name="odd"), "Odd.")

    assert "\n\\&.hidden\n\\&'quoted' and C:\\etemp\n.PP\n.nf\nkept\n  as it is\n.fi\n" in page


@pytest.mark.skipif(
    shutil.which("groff") is None, reason="NOT TRIED: groff is missing; apt-get install groff"
)
@EACH_PROGRAM
def test_groff_takes_every_page_without_a_warning(module: str) -> None:
    formatter = ["groff", "-man", "-Tutf8", "-ww", "-k", "-z"]
    for name, page in pages_of(module).items():
        done = subprocess.run(formatter, input=page, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), name


def test_pages_of_commands_that_are_gone_go_too(tmp_path: Path) -> None:
    section = tmp_path / "man1"
    section.mkdir()
    (section / "curfew-agent-gone.1").write_text("")
    (section / "ls.1").write_text("")

    count = main(tmp_path)

    assert not (section / "curfew-agent-gone.1").exists()
    assert len(list(section.glob("curfew-*.1"))) == count
    assert (section / "ls.1").exists()
