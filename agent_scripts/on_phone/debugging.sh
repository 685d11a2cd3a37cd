# shellcheck shell=dash disable=SC2154 # what a function expects is set by whoever composes the exchange
# Handing a phone back: whether USB and wireless debugging are on, and switching them off. Nothing here switches one on.

# show_debugging: both as the phone has them.
show_debugging() {
    section wireless-debugging cut_setting settings get global adb_wifi_enabled
    section usb-debugging cut_setting settings get global adb_enabled
}

# end_debugging WIRELESS USB: switches off what is named 1, and shows what is so then. USB last: adbd and all that it
# started may be killed by it before another word (docs/android/shell.md 14.1). Wireless first, for the way that this
# came by may end with it, and a hang-up must not keep the rest from being done.
end_debugging() {
    trap '' HUP PIPE
    [ "$1" != 1 ] || section wireless-off cut_verb settings put global adb_wifi_enabled 0
    [ "$2" != 1 ] || section usb-off cut_verb settings put global adb_enabled 0
    show_debugging
}

# cut_setting: a switch, on, off or never set.
cut_setting() {
    sed -n "$cut_common
s/^\([01]\)[[:space:]]*\$/setting \1/p
s/^null[[:space:]]*\$/setting null/p
$cut_error"
}
