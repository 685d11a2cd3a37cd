"""Which program and service a command line reaches, and what it answers. No I/O, no clock.

See docs/android/commands.md 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent_scripts.virtual_phone import (
    activity_verbs,
    package_enabling,
    package_listing,
    package_state,
    small_services,
    user_verbs,
)
from agent_scripts.virtual_phone.framework_answers import Call, FrameworkAnswer, Thrown, thrown_answer
from agent_scripts.virtual_phone.model import AndroidModel
from agent_scripts.virtual_phone.package_dump import dump_all, dump_package
from agent_scripts.virtual_phone.package_short_dumps import dump_changes, dump_checkin
from agent_scripts.virtual_phone.policy_texts import dump_device_policy
from agent_scripts.virtual_phone.power_dump import dump_power
from agent_scripts.virtual_phone.user_texts import dump_users

Verb = Callable[[Call, str], FrameworkAnswer]
_NO_SERVICE = (
    "cmd: No service specified; use -l to list all running services."
    " Use -w to start and wait for polled services.\n"
)
_SERVICES = (
    "SurfaceFlinger",
    "activity",
    "device_policy",
    "notification",
    "package",
    "power",
    "settings",
    "user",
)
_PM_ONLY = frozenset(
    {*package_enabling.STATES, "hide", "unhide", "clear", "create-user", "remove-user", "get-max-users"}
)
_PM_LACKS = frozenset({"suspend", "unsuspend", "install-existing"})
_PM_USAGE = """\
NOTE: 'pm list' commands have moved! Run 'adb shell cmd package'
  to display the new commands.

pm path: print the path to the .apk of the given PACKAGE.

pm dump: print system state associated with the given PACKAGE.

pm install: install a single legacy package
"""  # T:b-012
_FORWARDED_BY_PM = frozenset({"list", "uninstall"})

PACKAGE_VERBS: dict[str, Verb] = {
    **dict.fromkeys(package_enabling.STATES, package_enabling.run_set_enabled),
    **dict.fromkeys(("suspend", "unsuspend"), package_state.run_suspend),
    **dict.fromkeys(("hide", "unhide"), lambda call, _: package_state.run_hide(call)),
    "list": lambda call, _: package_listing.run_list(call),
    "path": lambda call, _: package_listing.run_path(call),
    "uninstall": lambda call, _: package_state.run_uninstall(call),
    "install-existing": lambda call, _: package_state.run_install_existing(call),
    "clear": lambda call, _: package_state.run_clear(call),
    "create-user": lambda call, _: user_verbs.run_create_user(call),
    "remove-user": lambda call, _: user_verbs.run_remove_user(call),
    "get-max-users": lambda call, _: user_verbs.run_get_max_users(call),
}
ACTIVITY_VERBS: dict[str, Verb] = {
    "force-stop": lambda call, _: activity_verbs.run_force_stop(call),
    "get-current-user": lambda call, _: activity_verbs.run_get_current_user(call),
    "start-user": lambda call, _: activity_verbs.run_start_user(call),
    "stop-user": lambda call, _: activity_verbs.run_stop_user(call),
    "get-started-user-state": lambda call, _: activity_verbs.run_get_started_user_state(call),
    "is-user-stopped": lambda call, _: activity_verbs.run_is_user_stopped(call),
}
OWNER_VERBS: dict[str, Verb] = {
    "list-owners": lambda call, _: small_services.run_list_owners(call),
    "set-device-owner": small_services.run_set_owner,
    "set-profile-owner": small_services.run_set_owner,
}


def answer(model: AndroidModel, program: str, args: Sequence[str]) -> FrameworkAnswer:
    """Return what a framework program (``cmd``, ``dumpsys``, ``pm`` …) answers to its arguments."""
    # One call at a time, as one system server: what a call reads and then writes nobody changes in between.
    with model.lock:
        words = list(args)
        if program == "cmd":
            return _cmd(model, words)
        if program == "dumpsys":
            return _dumpsys(model, words)
        if program == "getprop":
            return _getprop(model, words)
        # Up to 27 pm and dpm are processes with usages and exit codes of their own; later they are calls of a service.
        if program == "pm" and model.release.pm_is_a_process:
            return _pm_process(model, words)
        if program == "dpm" and model.release.dpm_is_a_process:
            return _dpm_process(model, words)
        # By now these programs are a few lines of shell around `cmd`.
        service = {"pm": "package", "am": "activity", "dpm": "device_policy", "settings": "settings"}[program]
        return _serve(model, service, words)


def _cmd(model: AndroidModel, words: list[str]) -> FrameworkAnswer:
    if not words:
        return FrameworkAnswer(err=_NO_SERVICE, exit_code=20)
    if words[0] == "-l":
        return FrameworkAnswer("Currently running services:\n" + "".join(f"  {name}\n" for name in _SERVICES))
    if words[0] not in _SERVICES:
        return FrameworkAnswer(err=f"cmd: Can't find service: {words[0]}\n", exit_code=20)
    service, rest = words[0], words[1:]
    # These verbs lived in the Java program alone, so the service did not know them yet.
    if service == "package" and model.release.pm_is_a_process and rest[:1] and rest[0] in _PM_ONLY:
        return FrameworkAnswer(f"Unknown command: {rest[0]}\n", exit_code=255)
    return _serve(model, service, rest)


def _serve(model: AndroidModel, service: str, words: list[str]) -> FrameworkAnswer:
    """Run one verb of one service, turning Java exceptions into their texts."""
    if service == "settings" and words[:1] == ["--user"] and len(words) > 2:
        words = [words[2], *words[:2], *words[3:]]  # settings takes --user before its verb as well
    verb = words[0] if words else ""
    call = Call(model, words[1:])
    run = _find_verb(model, service, verb)
    # Settings answers an unknown verb with its usage, where the others say that they do not know it.
    if service == "settings" and run is None:
        return small_services.settings_usage(call)
    if run is None:
        return FrameworkAnswer(f"Unknown command: {verb}\n" if verb else "", exit_code=255)
    try:
        return run(call, verb)
    except Thrown as thrown:
        return thrown_answer(call, verb, thrown)


def _find_verb(model: AndroidModel, service: str, verb: str) -> Verb | None:
    if service == "package":
        return PACKAGE_VERBS.get(verb)
    if service == "activity":
        return ACTIVITY_VERBS.get(verb)
    if service == "device_policy":
        return OWNER_VERBS.get(verb) if verb != "list-owners" or model.release.lists_owners else None
    if service == "settings":
        return small_services.run_settings if verb in ("get", "put", "delete", "list") else None
    if service == "notification" and verb == "post" and model.release.posts_notifications:
        return lambda call, _: small_services.run_post(call)
    if service == "user" and verb == "list":
        return lambda call, _: package_listing.run_list_users(call, verbose_allowed=True)
    return None


def _pm_process(model: AndroidModel, words: list[str]) -> FrameworkAnswer:
    """Answer as the Java process that ``pm`` is on 26 and 27 (docs/android/commands.md 2.1)."""
    verb = words[0] if words else ""
    if verb in _PM_LACKS or verb not in PACKAGE_VERBS:
        return FrameworkAnswer(err=f"Error: unknown command '{verb}'\n{_PM_USAGE}", exit_code=1)
    if verb in _FORWARDED_BY_PM:
        # The process passes on what the service says and throws its exit code away.
        forwarded = _serve(model, "package", words)
        return FrameworkAnswer(forwarded.out, forwarded.err, 0)
    # Checked by the process before it asks the service, so the refusal is a usage and no exception.
    if words[1:2] == ["--user"] and not "".join(words[2:3]).isdigit():
        return FrameworkAnswer(err=f"Error: no USER_ID specified\n{_PM_USAGE}", exit_code=1)
    try:
        return PACKAGE_VERBS[verb](Call(model, words[1:]), verb)
    except Thrown as thrown:
        return FrameworkAnswer(err=f"Error: {thrown.text}\n", exit_code=1)


def _dpm_process(model: AndroidModel, words: list[str]) -> FrameworkAnswer:
    """Answer as the Java process that ``dpm`` is up to 30 (docs/android/commands.md 10.1, 10.4)."""
    verb = words[0] if words else ""
    # The process never had list-owners; it came when dpm became a call of the service.
    run = OWNER_VERBS.get(verb) if verb != "list-owners" else None
    usage = "usage: dpm [subcommand] [options]\n"
    if run is None:
        return FrameworkAnswer(err=f"{usage}\nError: unknown command '{verb}'\n")
    try:
        return run(Call(model, words[1:]), verb)
    except Thrown as thrown:
        if thrown.java_class == "java.lang.IllegalArgumentException":
            return FrameworkAnswer(err=f"{usage}\nError: {thrown.message}\n")
        return FrameworkAnswer(err=thrown.trace(), exit_code=1)


def _dumpsys(model: AndroidModel, words: list[str]) -> FrameworkAnswer:
    # Time limits of dumpsys itself; a model answers at once, so they are taken and have no effect.
    while words and words[0] in ("-t", "-T") and len(words) > 1:
        words = words[2:]
    if words[:1] == ["-l"]:
        return FrameworkAnswer("Currently running services:\n" + "".join(f"  {name}\n" for name in _SERVICES))
    if not words:
        return FrameworkAnswer("Currently running services:\n" + "".join(f"  {name}\n" for name in _SERVICES))
    service, rest = words[0], words[1:]
    if service == "package":
        return FrameworkAnswer(_dump_package(model, rest))
    if service == "user":
        # What is no number is passed over without a word, as the service does.
        only = int(rest[1]) if rest[:1] == ["--user"] and len(rest) > 1 and rest[1].isdigit() else None
        return FrameworkAnswer(dump_users(model, only if model.release.user_dump_takes_a_number else None))
    if service == "power":
        return FrameworkAnswer(dump_power(model))
    if service == "device_policy":
        return FrameworkAnswer(dump_device_policy(model))
    # Known and empty: exit code 0 and nothing said, which must not be read as "there is none".
    if service in _SERVICES:
        return FrameworkAnswer()
    return FrameworkAnswer(err=f"Can't find service: {service}\n")


def _dump_package(model: AndroidModel, rest: list[str]) -> str:
    if rest[:1] == ["changes"]:
        return dump_changes(model)
    if rest[:1] == ["--checkin"] and len(rest) > 1:
        return dump_checkin(model, rest[1])
    # The last word is the package: options before it, which we do not model, change nothing in what we read.
    return dump_package(model, rest[-1]) if rest else dump_all(model)


def _getprop(model: AndroidModel, words: list[str]) -> FrameworkAnswer:
    known = model.data.properties
    if words:
        return FrameworkAnswer(known.get(words[0], words[1] if len(words) > 1 else "") + "\n")
    return FrameworkAnswer("".join(f"[{key}]: [{known[key]}]\n" for key in sorted(known)))
