"""Applications in less time: what werkzeug makes of a route is kept for the next application.

It parses a route and compiles two functions to build its URL, which took most of the time that an application needs; a
run makes thousands. What it makes knows the route and nothing of the application.
"""

from __future__ import annotations

from werkzeug.routing import Rule

_MADE = ("_parts", "_trace", "_converters")


def keep_compiled_routes() -> None:
    """Let every application of this process share them."""
    compile_anew = Rule.compile
    kept: dict[object, Rule] = {}

    def compile_once(rule: Rule) -> None:
        known_by = (
            *(rule.rule, rule.host, rule.subdomain, rule.merge_slashes, rule.map.host_matching),
            *(tuple((rule.defaults or {}).items()), tuple(rule.map.converters.items())),
        )
        made = kept.setdefault(known_by, rule)
        if made is rule:
            compile_anew(rule)
            return
        for name in _MADE:
            setattr(rule, name, getattr(made, name))
        rule.arguments = rule.arguments | made.arguments
        # Each is bound to its rule.
        rule._build = made._build.__func__.__get__(rule)  # type: ignore[attr-defined]
        rule._build_unknown = made._build_unknown.__func__.__get__(rule)  # type: ignore[attr-defined]

    Rule.compile = compile_once  # type: ignore[assignment, method-assign]
