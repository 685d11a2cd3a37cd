# shellcheck shell=dash disable=SC2154 # what a function expects is set by whoever composes the exchange
# Which phone is it, in reverse: whether its screen is on, and whether a key put it off. Nothing of ours is read or
# written.

# show_screen: of all that the service tells of the phone, those two.
show_screen() {
    section screen cut_screen dumpsys power
}

# cut_screen: on or off, and where the release tells why it went off, by a key or otherwise. The dump also names apps
# that keep the phone awake, and when somebody touched it last (docs/android/shell.md 12.5).
cut_screen() {
    sed -n "$cut_common
s/^ *mWakefulness=Awake[[:space:]]*\$/screen on/p
s/^ *mWakefulness=Dreaming[[:space:]]*\$/screen on/p
s/^ *mWakefulness=Asleep[[:space:]]*\$/screen off/p
s/^ *mWakefulness=Dozing[[:space:]]*\$/screen off/p
s/^ *mLastSleepReason=power_button[[:space:]]*\$/slept key/p
s/^ *mLastSleepReason=sleep_button[[:space:]]*\$/slept key/p
s/^ *mLastSleepReason=.*/slept otherwise/p
$cut_error"
}
