"""Services of which the shell needs one verb or two: notifications, settings, owners.

See docs/android/commands.md 10, 12.
"""

from __future__ import annotations

from agent_scripts.virtual_phone.android_state import SHELL_PACKAGE
from agent_scripts.virtual_phone.framework_answers import (
    ILLEGAL_ARGUMENT,
    ILLEGAL_STATE,
    SECURITY,
    Call,
    FrameworkAnswer,
    Thrown,
)
from agent_scripts.virtual_phone.policy_texts import active_admins, full, list_owners
from agent_scripts.virtual_phone.users_and_shell import handler_frames, resolved, user_option

NOTIFICATION_USAGE = """usage: cmd notification post [flags] <tag> <text>

flags:
  -h|--help
  -v|--verbose
  -t|--title <text>
  -i|--icon <iconspec>
  -I|--large-icon <iconspec>
  -S|--style <style> [styleargs]
  -c|--content-intent <intentspec>

styles: (default none)
  bigtext
  bigpicture --picture <iconspec>
  inbox --line <text> --line <text> ...
  messaging --conversation <title> --message <who>:<text> ...
  media

an <iconspec> is one of
  file:///data/local/tmp/<img.png>
  content://<provider>/<path>
  @[<package>:]drawable/<img>
  data:base64,<B64DATA==>

an <intentspec> is (broadcast|service|activity) <args>
  <args> are as described in `am start`
"""
_OPTIONS_WITH_VALUE = frozenset(
    {"-i", "--icon", "-I", "--large-icon", "-c", "--content-intent", "-S", "--style"}
    | {"--bigtext", "--picture", "--line", "--conversation", "--message"}
)
_PLAIN_NOTIFICATION = (
    "contentView=null vibrate=null sound=null defaults=0x0 flags=0x0 color=0x00000000 vis=PRIVATE"
)
_SETTINGS_USAGE = """Settings provider (settings) commands:
  help
      Print this help text.
  get [--user <USER_ID> | current] NAMESPACE KEY
  put [--user <USER_ID> | current] NAMESPACE KEY VALUE [TAG] [default]
  delete [--user <USER_ID> | current] NAMESPACE KEY
  list [--user <USER_ID> | current] NAMESPACE
"""


def run_post(call: Call) -> FrameworkAnswer:
    """Answer ``notification post``: always exit 0; the same tag replaces the notification.

    See docs/android/commands.md 12.1.
    """
    title, verbose = "Shell Notification", False
    while (option := call.option()) is not None:
        if option in ("-t", "--title"):
            title = call.needed(option)
        elif option in ("-v", "--verbose"):
            verbose = True
        elif option in _OPTIONS_WITH_VALUE:
            call.needed(option)
        else:
            call.out.append(NOTIFICATION_USAGE)
            return call.finish()
    tag, text = call.argument(), call.argument()
    if tag is None or text is None:
        call.out.append(NOTIFICATION_USAGE)
        return call.finish()
    with call.model.changing() as data:
        data.notifications[tag] = {"title": title, "text": text}
    channel = "shellcmd" if call.release.api == 29 else "shell_cmd"
    call.say("posting:")
    call.say(f"  Notification(channel={channel} shortcut=null {_PLAIN_NOTIFICATION})")
    if verbose:
        place = f"pkg={SHELL_PACKAGE} user=UserHandle{{0}} id={call.release.notification_id} tag={tag}"
        call.say(f"NotificationRecord({place})")
    return call.finish()


def run_settings(call: Call, verb: str) -> FrameworkAnswer:
    """Answer ``settings get|put|delete|list`` (docs/android/commands.md 12.3)."""
    user = 0
    while (option := call.option()) is not None:
        if option != "--user":
            call.complain("Bad arguments")
            return call.finish(255)
        word = call.needed(option)
        if word == "all":
            call.complain("Invalid user: all")
            return call.finish(255)
        call.args.insert(0, word)
        call.args.insert(0, option)
        call.option()
        user = resolved(call, user_option(call))
    namespace, key = call.argument(), call.argument()
    if namespace not in ("global", "secure", "system") or (key is None and verb != "list"):
        call.complain("Bad arguments")
        return call.finish(255)
    return _settings_of(call, verb, namespace if user == 0 else f"{namespace}/{user}", key or "")


def _settings_of(call: Call, verb: str, place: str, key: str) -> FrameworkAnswer:
    if verb in ("put", "delete") and _withheld(call):
        right = "android.permission.WRITE_SECURE_SETTINGS"
        newer = f"Permission denial, must have one of: [{right}]"  # T:f-004
        older = f"Permission denial: writing to settings requires:{right}"  # T:f-003
        raise Thrown(SECURITY, newer if call.release.api >= 34 else older, *handler_frames(call))
    with call.model.changing() as data:
        found = data.settings.setdefault(place, {})
        if verb == "get":
            call.say(found.get(key, "null"))
        elif verb == "list":
            call.out += [f"{name}={found[name]}\n" for name in sorted(found)]
        elif verb == "delete":
            call.say(f"Deleted {1 if found.pop(key, None) is not None else 0} rows")
        elif not call.args:
            call.complain("Bad arguments")
            return call.finish(255)
        else:
            found[key] = call.args[0]
    return call.finish()


def settings_usage(call: Call) -> FrameworkAnswer:
    """Answer ``settings`` with no verb or an unknown one."""
    call.out.append(_SETTINGS_USAGE)
    return call.finish(255)


def run_list_owners(call: Call) -> FrameworkAnswer:
    """Answer ``dpm list-owners`` (31+)."""
    call.out.append(list_owners(call.model))
    return call.finish()


def run_set_owner(call: Call, verb: str) -> FrameworkAnswer:
    """Answer ``set-device-owner`` and ``set-profile-owner``: refused where the set-up is done.

    See docs/android/commands.md 10.4.
    """
    user = 0
    while (option := call.option()) is not None:
        if option == "--user":
            user = resolved(call, user_option(call))
        elif option == "--name":
            call.needed(option)
    component = call.needed(verb)
    if _withheld(call):
        raise Thrown(SECURITY, "Calling identity is not authorized", *handler_frames(call))  # T:e-010
    if call.model.package(component.partition("/")[0]) is None:
        raise Thrown(
            ILLEGAL_ARGUMENT, f"Unknown admin: ComponentInfo{{{full(component)}}}", *handler_frames(call)
        )
    raise Thrown(ILLEGAL_STATE, _why_not(call, verb, user), *handler_frames(call))


def _withheld(call: Call) -> bool:
    """Whether the maker keeps this right from the shell until its own switch is on."""
    return call.model.maker.withholds_settings and not call.model.data.security_settings_on


def _why_not(call: Call, verb: str, user: int) -> str:
    if verb == "set-device-owner":
        if len(call.model.users()) > 1:
            return "Not allowed to set the device owner because there are already several users on the device"
        return "Not allowed to set the device owner because there are already some accounts on the device"
    found = call.model.user(user)
    if found is not None and active_admins(call.model, found):
        return "Trying to set the profile owner, but profile owner is already set."
    return "Not allowed to set the profile owner because there are already some accounts on the profile"
