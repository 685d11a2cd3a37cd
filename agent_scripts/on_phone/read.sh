# shellcheck shell=dash disable=SC2154 # what a function expects is set by whoever composes the exchange
# Reading a phone: every question of one check, in one exchange.

# read_phone PACKAGE...: needs $owners, the owners that may be named, and $dated, the packages whose times of
# installing are read. The clock is told in UTC and as the phone's own zone shows it, in which dumps print times.
read_phone() {
    wait_for_lock
    [ ! -f "$folder/curfew.sh" ] || note script
    section properties cut_properties getprop
    section boot-id cut_line cat /proc/sys/kernel/random/boot_id
    section clock cut_line date +%s:%Y-%m-%dT%H:%M:%S
    section folder cut_folder show_folder
    section users cut_users dumpsys user
    section user-list cut_user_list pm list users
    read_owners
    # The shell's own app is in every user: its dump tells the user numbers without anybody's name beside them.
    read_package com.android.shell
    for package; do
        read_package "$package"
    done
}

# read_owners: where the dump does not end as we know it (COMMANDS.md 10.5 was not verified for Android 15 and 16),
# the counted list of owners, which Android has from 12 on, tells whether all of them are there.
read_owners() {
    owners_seen=$(section owners cut_owners dumpsys device_policy)
    printf '%s\n' "$owners_seen"
    case $owners_seen in
        *"
admins"*) ;;
        *) section owner-list cut_owner_list cmd device_policy list-owners ;;
    esac
}

# read_package NAME: the states of one package in every user, open to the shell or not (COMMANDS.md 9).
read_package() {
    pattern "$1"
    times_of "$1"
    section "package:$1" cut_package dumpsys package "$1"
}
