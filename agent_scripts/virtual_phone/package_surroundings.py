"""What stands around the wanted block in ``dumpsys package``: above all names of other apps.

See docs/android/commands.md 5.1, 5.3.
"""

from __future__ import annotations

import hashlib

from agent_scripts.virtual_phone.android_state import AndroidPackage
from agent_scripts.virtual_phone.model import AndroidModel

CANARY_APP = "com.canary.not.yours"
"""An app of somebody's that is no business of ours: its name must never leave the phone."""
_OTHER_APPS = tuple(f"com.example.neighbour{number:02d}.app" for number in range(48))
"""What else is on a phone: a real dump of one package names dozens of others."""
# As long as a real dump's tables: a reader that takes only the head would miss the wanted block.
_LINK_FILTERS = 40
_LINK = """        {own} {name}/.share.LinkActivity filter {filter}
          Action: "android.intent.action.VIEW"
          Category: "android.intent.category.DEFAULT"
          Scheme: "https"
"""
_OTHER_TABLES = """
  Non-Data Actions:
      android.intent.action.MAIN:
        {main} {name}/.MainActivity filter {main}

Receiver Resolver Table:
  Non-Data Actions:
      android.intent.action.BOOT_COMPLETED:
        {boot} {name}/.BootReceiver filter {boot}

Registered ContentProviders:
  {name}/.data.Provider:
    Provider{{{provider} {name}/.data.Provider}}

"""


def queries(model: AndroidModel, package: AndroidPackage | None) -> str:
    """The section about who sees whom: other people's app names, and user lines without ``installed=``."""
    names = [package.name] if package else sorted(model.data.packages)
    lines = ["", "Queries:", "  system apps queryable: false", "  queries via forceQueryable:"]
    lines += ["  forceQueryable:", "    [com.android.providers.media.module,com.android.shell]"]
    lines.append("  queries via package name:")
    for name in names:
        lines += [f"    {name}:", f"      {CANARY_APP}", "      com.android.vending"]
        lines += [f"      {other}" for other in _OTHER_APPS]
    lines.append("  queries via component:")
    for other in (CANARY_APP, *_OTHER_APPS):
        lines += [f"    {other}:", *(f"      {name}" for name in names)]
    lines.append("  queryable via interaction:")
    for number in sorted(model.data.users):
        lines.append(f"    User {number}:")
        for name in names:
            lines += [f"      [{name}]:", *(f"        {other}" for other in (CANARY_APP, *_OTHER_APPS))]
    lines += ["  queryable via uses-library:", ""]
    return "\n".join(lines)


def resolver_tables(package: AndroidPackage) -> str:
    """Return which links, starts and broadcasts the package answers to."""
    name = package.name
    links = [
        _LINK.format(name=name, own=hexadecimal(f"{name}{index}", 7), filter=hexadecimal(f"{index}{name}", 7))
        for index in range(_LINK_FILTERS)
    ]
    main, boot, provider = (hexadecimal(f"{name} {part}", 7) for part in ("main", "boot", "provider"))
    rest = _OTHER_TABLES.format(name=name, main=main, boot=boot, provider=provider)
    return "Activity Resolver Table:\n  Schemes:\n      https:\n" + "".join(links) + rest


def key_sets(package: AndroidPackage) -> str:
    """Return who signed it, by number."""
    return f"Key Set Manager:\n  [{package.name}]\n      Signing KeySets: {package.app_id % 400}\n\n"


def dexopt(package: AndroidPackage) -> str:
    """Return how it was compiled and which other apps use its code."""
    lines = ["", "Dexopt state:", f"  [{package.name}]", "    path: base.apk"]
    lines += [
        "      arm64: [status=speed-profile] [reason=bg-dexopt]",
        f"    used by other apps: [{CANARY_APP}]",
    ]
    lines += ["", "Compiler stats:", f"  [{package.name}]", "    (No recorded stats)", ""]
    return "\n".join(lines)


def hexadecimal(text: str, digits: int) -> str:
    """Return digits that look like Android's object hashes, the same for the same text."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]
