"""The verbs that set an app's enabled state, as far as uid 2000 may (docs/android/commands.md 6)."""

from __future__ import annotations

from agent_scripts.virtual_phone.android_state import AndroidPackage
from agent_scripts.virtual_phone.framework_answers import (
    ILLEGAL_ARGUMENT,
    SECURITY,
    Call,
    FrameworkAnswer,
    Thrown,
)
from agent_scripts.virtual_phone.users_and_shell import handler_frames, refuse_closed, translate, user_option

STATES = {"default-state": 0, "enable": 1, "disable": 2, "disable-user": 3, "disable-until-used": 4}
_STATE_WORDS = {0: "default", 1: "enabled", 2: "disabled", 3: "disabled-user", 4: "disabled-until-used"}
_OPEN_TO_SHELL = (0, 1, 3)
_SET_FRAME = "com.android.server.pm.PackageManagerService.setEnabledSetting(PackageManagerService.java:21213)"
_NEWER_SET_FRAME = (
    "com.android.server.pm.PackageManagerService.setEnabledSettings(PackageManagerService.java:4360)"
)


def run_set_enabled(call: Call, verb: str) -> FrameworkAnswer:
    """Answer ``enable``, ``disable``, ``disable-user``, ``disable-until-used`` and ``default-state``."""
    user = 0
    # Without it the verbs act on user 0, whoever calls: forgetting the option disables the wrong app.
    if call.option() == "--user":
        user = user_option(call)
    target = call.argument()
    if target is None:
        call.complain("Error: no package or component specified")
        return call.finish(1)
    user = translate(call, user, "runSetEnabledSetting")
    name, _, class_name = target.partition("/")
    # Said on stderr with exit code 1 and no exception: this maker's shell refuses before the service is asked.
    if name in call.model.maker.kept_packages:
        call.complain(f"Failed to change state of package: {name}")
        return call.finish(1)
    # A component is refused before its package is changed; nothing of the call has an effect then.
    if class_name:
        _change_component(call, user, name, class_name, STATES[verb])
    shown = _change_state(call, user, name, STATES[verb])
    call.say(f"Package {name} new state: {_STATE_WORDS[shown]}")
    return call.finish()


def _change_state(call: Call, user: int, name: str, new_state: int) -> int:
    """Set the state of a whole package as uid 2000 may, and return what reading it back gives."""
    with call.model.changing():
        if call.model.user(user) is None:
            return 2  # nothing is stored; a user that does not exist reads as "disabled" (docs/android/commands.md 2.4)
        package, frame = _known(call, user, name), _frame(call)
        maker = call.model.maker
        # Only what switches off: putting a system app back is allowed by every maker.
        if package.system and new_state > 1 and maker.system_disable_refusal:
            refusal = maker.system_disable_refusal.format(package=name)
            raise Thrown(SECURITY, refusal, maker.system_disable_frame, frame, *handler_frames(call))
        if name in maker.core_packages and new_state > 1:
            frames = (maker.system_disable_frame, frame, *handler_frames(call))
            raise Thrown(SECURITY, maker.core_disable_refusal, *frames)
        # Whatever the new state is: a protected package cannot even be enabled by the shell.
        if name in call.model.protected_in(user):
            raise Thrown(
                SECURITY, f"Cannot disable a protected package: {name}", frame, *handler_frames(call)
            )
        old_state = package.in_user(user).enabled
        # Both states count: an app that its owner set to 2 or 4 cannot be taken out of it by the shell.
        open_to_shell = old_state in _OPEN_TO_SHELL and new_state in _OPEN_TO_SHELL
        if not open_to_shell and not package.test_only:
            subject = f"{name}/null" if call.release.component_text_names_package else "null"
            raise _shell_cannot(call, subject, new_state)
        # The same state again is success without a change: no new caller is written, and no change is counted.
        if old_state != new_state:
            state = package.writable(user)
            state.enabled = new_state
            state.last_disabled_caller = call.release.last_disabled_caller if new_state > 1 else None
            call.model.note_change(user, name)
            if call.model.data.owner_is_quick:
                call.model.owners_client_looks()
        return new_state


def _change_component(call: Call, user: int, name: str, class_name: str, new_state: int) -> None:
    """Refuse: single components are closed to uid 2000 in every release (docs/android/commands.md 6.2)."""
    _known(call, user, name)
    class_name = f"{name}{class_name}" if class_name.startswith(".") else class_name
    whole = f"{name}/{class_name}"
    subject = whole if call.release.component_text_names_package else f"ComponentInfo{{{whole}}}"
    raise _shell_cannot(call, subject, new_state)


def _known(call: Call, user: int, name: str) -> AndroidPackage:
    refuse_closed(call, user, _frame(call), *handler_frames(call))
    package = call.model.package(name)
    if package is None:
        raise Thrown(ILLEGAL_ARGUMENT, f"Unknown package: {name}", _frame(call), *handler_frames(call))
    return package


def _shell_cannot(call: Call, subject: str, state: int) -> Thrown:
    text = f"Shell cannot change component state for {subject} to {state}"
    return Thrown(SECURITY, text, _frame(call), *handler_frames(call))


def _frame(call: Call) -> str:
    return _SET_FRAME if call.release.component_text_names_package else _NEWER_SET_FRAME
