"""Documents as YAML, for people who keep them in files: only what JSON can say, and each thing in one way.

The only module that knows PyYAML. What comes out of here is JSON, and is judged as such by `policy.schemas`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable
from typing import Any

import yaml

from policy.errors import InvalidDocument
from policy.schemas.strict_json import DOCUMENT_MAX_BYTES

_WIDTH = 110


class _PlainLoader(yaml.SafeLoader):
    """Reads plain scalars as JSON would: ``no`` and ``2023-03-15`` are texts, not a boolean and a date."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        # One text for each value: ten lines of references to references are a million values.
        if self.check_event(yaml.AliasEvent):
            raise InvalidDocument(f"expected a YAML document without references (*name), {_where(self)}")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: ARG002
        """Return the mapping of a node in which each key is a text and stands once."""
        found: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key, str):
                raise InvalidDocument(f"expected texts as keys, found {key!r} in line {line}; quote it")
            if key in found:
                raise InvalidDocument(f"expected each key once, found {key[:60]!r} again in line {line}")
            found[key] = self.construct_object(value_node, deep=True)
        return found


class _PlainDumper(yaml.SafeDumper):
    """Quotes whatever any reader of YAML, ours or another, takes for more than a text; writes no references."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


_PlainLoader.yaml_implicit_resolvers = {}
for _tag, _form, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null", "n"),
    ("int", r"-?(0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", "-0123456789"),
):
    for _side in (_PlainLoader, _PlainDumper):
        _side.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_form})\Z"), list(_first))


def json_of_yaml(data: bytes) -> bytes:
    """Return a YAML document as JSON, its fields in their order; raises `InvalidDocument`.

    Refused: references, tags, several documents in one file, a key that stands twice or is no text.
    """
    if len(data) > DOCUMENT_MAX_BYTES:
        raise InvalidDocument(f"expected a document of at most {DOCUMENT_MAX_BYTES} bytes, found {len(data)}")
    try:
        value = yaml.load(data.decode("utf-8"), _PlainLoader)  # noqa: S506 - a SafeLoader of ours
        return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
    # Before `ValueError`, which these are as well.
    except InvalidDocument:
        raise
    except UnicodeError as error:
        raise InvalidDocument("expected YAML in UTF-8, found other bytes; save it as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1} column {mark.column + 1}" if mark else "the document"
        raise InvalidDocument(f"expected YAML, found an error at {where}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise InvalidDocument("expected YAML, found characters that it does not allow") from error
    # Numbers with thousands of digits, infinite ones, nesting without end.
    except (ValueError, RecursionError) as error:
        raise InvalidDocument("expected what JSON can say, found more; write it plainly") from error


def yaml_of_json(document: bytes) -> str:
    """Return a document of ours as YAML, its fields in their order."""
    return yaml.dump(
        json.loads(document),
        Dumper=_PlainDumper,
        sort_keys=False,
        allow_unicode=True,
        width=_WIDTH,
    )


def _text(dumper: _PlainDumper, text: str) -> yaml.ScalarNode:
    # U+0085 is a line break to YAML and to PyYAML's single quotes, which would fold it.
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if "\x85" in text else None)


_PlainDumper.add_representer(str, _text)


def _where(loader: _PlainLoader) -> str:
    event = loader.peek_event()  # type: ignore[no-untyped-call]
    return f"found one in line {event.start_mark.line + 1}; write it out"
