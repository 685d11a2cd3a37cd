"""What the checkers accept and what they refuse, as plain lists."""

from __future__ import annotations

import pytest

from tests.phone_words.invocations import objections_to_call
from tests.phone_words.regular_expressions import BasicRegularExpression
from tests.phone_words.sed_programs import SedProgram
from tests.phone_words.shell_texts import objections_to_shell

EXPRESSIONS = (
    r"^=[A-Za-z0-9 ._:+-]\{0,200\}[A-Za-z0-9 ._:+-]\{0,200\}$",
    r"^[[:blank:]]*UserInfo{\([0-9]\{1,9\}\):.*:\([0-9a-fA-F]\{1,8\}\)} serialNo=",
    r"a\{255\}",
    r"a\{3,\}",
    r"\(a\)\{1,2\}b",
    r"\(a*\)\1",
    r"a+b?c|d{1}",
    r"[]^-]x[^]]",
    r"\.\*\[\]\$\^\/",
    r"first\nsecond",
    r"^\*\*\* SERVICE .* DUMP TIMEOUT",
)
BAD_EXPRESSIONS = (
    r"^=[A-Za-z0-9 ._:+-]\{0,400\}$",  # no phone with Android's own libc could be provisioned
    r"^=\{0,1\}[a-z0-9][A-Za-z0-9 ._:+-]\{0,300\}$",
    r"a\{256\}",
    r"a\{2,1\}",
    r"a\{,3\}",
    r"a\{3",
    r"a\{x\}",
    r"\{3\}",
    r"a*\{2\}",
    r"a**",
    r"*a",
    r"\(*a\)",
    r"^*",
    r"a\+",
    r"a\?",
    r"a\|b",
    r"\<word\>",
    r"\w",
    r"\W",
    r"\s",
    r"\S",
    r"\b",
    r"\B",
    r"\d",
    r"\t",
    r"\x41",
    r"\'",
    r"\`",
    r"\(x\)\{0,1\}",
    r"\(x\)\{0\}",
    r"\(x\)*",
    r"\(^a\)",
    r"\(a$\)",
    r"\(a",
    r"a\)",
    r"\(a\)\2",
    r"\(a\1\)",
    r"[a\n]",
    r"[\]]",
    r"[[:word:]]",
    r"[[.hyphen.]]",
    r"[[=a=]]",
    r"[z-a]",
    r"[abc",
    "a\\",
)

SED_PROGRAMS = (
    "s/^/=/p",
    "1,2000s/^/=/p",
    "$d",
    "3,$p",
    "/^mark exit /{\np\nd\n}",
    "s/[[:cntrl:]]$//\nt begin\n: begin\nb\n: error\ns/x/y/p",
    "/ SYSTEM /!s/.*/hidden-flags user/p",
    "/^a/,/^b/{\ns/x/y/\n}",
    r"s,/data\,,\,&\\,g",
    "s/a/b/2p;s/c/d/g",
    r"s/\(a\)[/]\(b\)/\2\1/",
    "a\\\na text\\\nof two lines\np",
    "# nothing\n1d;2q",
    "\\,a,p",
)
BAD_SED_PROGRAMS = (
    "s/a/b/I",
    "s/a/b/e",
    "s/a/b/M",
    "s/a/b/2g",
    r"s/a/\n/",
    r"s/a/\t/",
    r"s/a/\U&/",
    r"s/\(a\)/\2/",
    r"s/\(a\)\{0,1\}b/\1/",  # toybox 0.7.3: no s//\1/
    r"s/a\+/b/",
    r"/a\{0,256\}/p",
    "/a/Ip",
    "0~3p",
    "2~3p",
    "0,/a/p",
    "1,+2p",
    "/a/,~4p",
    "a text",
    "i\\ text",
    "c text",
    "p;}",
    "{p",
    "{p}",
    "/a/{p\nd}",
    "b nowhere",
    "b end;p\n: end",
    "t end }\n: end",
    ": \np",
    "2q5",
    "w file",
    "e date",
    "z",
    "F",
    "Q",
    "v",
    "y/a/b/",
    "s/a/b",
    "s/a",
    "/a",
    "1,p",
    "k",
)

CALLS = (
    ("sed", "-n", "s/a/b/p"),
    ("sed", "1d"),
    ("sed", "-n", "-e", "1p", "-e", "2p", "file"),
    ("grep", "-n", ""),
    ("grep", "-qv", "^2000 600$"),
    ("grep", "-qF", "a+(b"),
    ("printf", r"%s\n", "100%"),
    ("printf", "%s", r"\x"),
    ("date", "+%s:%Y-%m-%dT%H:%M:%S"),
    ("date", "-u", "+%s"),
    ("stat", "-c", "%u %a %F", "/data/local/tmp/curfew"),
    ("head", "-n", "4", "/dev/urandom"),
    ("sha256sum",),
    ("sleep", "3600"),
    ("flock", "-n", "9"),
    ("setsid", "sh", "/data/local/tmp/curfew/curfew.sh", "watch"),
    ("mv", "-f", "a", "b"),
    ("rm", "-rf", "a"),
    ("mkdir", "-m", "700", "a"),
    ("chmod", "600", "/a"),
    ("sync",),
)
BAD_CALLS = (
    ("sed", "-E", "s/a/b/"),
    ("sed", "-r", "s/a/b/"),
    ("sed", "-i", "s/a/b/", "file"),
    ("sed", "-z", "p"),
    ("sed", "-s", "p"),
    ("sed", "-ne", "p"),
    ("sed", "--quiet", "p"),
    ("sed", "-n", r"/^=[A-Za-z0-9 ._:+-]\{0,400\}$/p"),
    ("sed", "-n", "-e", "p", "-e", "0~3p"),
    ("sed",),
    ("grep", "-P", "a"),
    ("grep", "-E", "a"),
    ("grep", "-o", "a"),
    ("grep", "-e", r"a\|b"),
    ("grep", r"a\nb"),
    ("grep", "-q"),
    ("egrep", "a"),
    ("awk", "1"),
    ("bc",),
    ("diff", "a", "b"),
    ("tr", "a", "b"),
    ("curl", "x"),
    ("xxd", "-p", "-c", "100"),
    ("timeout", "1", "x"),
    ("printf", "%q", "a"),
    ("printf", r"\x41"),
    ("printf", r"\e[0m"),
    ("printf",),
    ("date", "-d", "@1"),
    ("date", "+%N"),
    ("date", "-Iseconds"),
    ("stat", "-f", "a"),
    ("stat", "--format", "%a", "a"),
    ("stat", "-c", "%W", "a"),
    ("head", "-c", "4"),
    ("head", "-4"),
    ("sha256sum", "-c"),
    ("sleep", "1m"),
    ("sleep", "0.05"),
    ("flock", "-c", "true", "file"),
    ("flock", "-w", "5", "9"),
    ("flock", "/lock", "true"),
    ("setsid", "-w", "sh"),
    ("setsid", "awk"),
    ("mv", "-T", "a", "b"),
    ("rm", "--one-file-system", "a"),
    ("mkdir", "-v", "a"),
    ("sync", "-d", "a"),
)

SHELL_TEXTS = (
    '[ "$(stat -c \'%u %a\' "$folder")" = "$(id -u) 700" ]',
    'if [ -L "$folder" ] && ! [ -e "$x" ]; then echo "folder $x"; fi',
    "t_month=$(((${t_month#0} + 9) % 12)) left=$((left - 1)) most=$((2147483647))",
    'case $x in [[:digit:]]*) ;; esac; echo "${x:-none} ${x##*/}"; printf \'%s\\n\' "a\\b"',
    'sed "s/[[]/<</"',
    "while read -r a b; do :; done <file",
)
BAD_SHELL_TEXTS = (
    "[[ a = b ]]",
    "[ a == b ]",
    '[ "$a" -a "$b" ]',
    '[ "$a" -nt b ]',
    "[ -v a ]",
    "test -n a",
    "a=1 b=(c)",
    "${x:0:1}",
    'echo "${x:1}"',
    "${x//a/b}",
    "${x^^}",
    "${x[1]}",
    "x=(a b)",
    "$'a'",
    "cat <<end",
    "read x <<<y",
    "a |& b",
    "a &>b",
    "cat <(a)",
    "function f { :; }",
    "local x",
    "let x=1",
    "source x",
    "eval x",
    "echo $RANDOM",
    "echo -n a",
    "echo -e a",
    r'echo "a\tb"',
    "$((1678900000000 / 1000))",
    "$((010 + 1))",
)


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_of_posix_is_accepted(text: str) -> None:
    assert BasicRegularExpression(text).objections == []


@pytest.mark.parametrize("text", BAD_EXPRESSIONS)
def test_an_expression_that_some_phone_refuses_is_refused(text: str) -> None:
    assert BasicRegularExpression(text).objections != []


@pytest.mark.parametrize("text", SED_PROGRAMS)
def test_a_sed_program_of_posix_is_accepted(text: str) -> None:
    assert SedProgram(text).objections == []


@pytest.mark.parametrize("text", BAD_SED_PROGRAMS)
def test_a_sed_program_that_some_phone_refuses_is_refused(text: str) -> None:
    assert SedProgram(text).objections != []


@pytest.mark.parametrize("words", CALLS, ids=" ".join)
def test_a_call_that_every_release_takes_is_accepted(words: tuple[str, ...]) -> None:
    assert objections_to_call(words) == []


@pytest.mark.parametrize("words", BAD_CALLS, ids=" ".join)
def test_a_call_that_some_release_refuses_is_refused(words: tuple[str, ...]) -> None:
    assert objections_to_call(words) != []


@pytest.mark.parametrize("text", SHELL_TEXTS)
def test_a_shell_text_of_posix_is_accepted(text: str) -> None:
    assert objections_to_shell(text) == []


@pytest.mark.parametrize("text", BAD_SHELL_TEXTS)
def test_a_shell_text_that_some_phone_gets_wrong_is_refused(text: str) -> None:
    assert objections_to_shell(text) != []


def test_an_objection_says_what_is_wrong_and_where() -> None:
    (why,) = objections_to_call(("sed", "-n", "p\ns/x/y/\n" r"/^=a\{0,400\}$/p"))

    assert why == r"sed: \{0,400\} counts beyond 255 (RE_DUP_MAX), in the expression '^=a\\{0,400\\}$'"
