# shellcheck shell=dash disable=SC2154 # what a function expects is set by whoever composes the exchange
# Reading a phone: every question of one check, in one exchange.

# read_phone PACKAGE...: needs $owners, the owners that may be named, and $dated, the packages whose times of
# installing are read. The clock is told in UTC and as the phone's own zone shows it, in which dumps print times.
read_phone() {
    wait_for_lock
    [ ! -f "$folder/curfew.sh" ] || note script
    section properties cut_properties getprop
    section boot-id cut_line show_boot
    section clock cut_line date +%s:%Y-%m-%dT%H:%M:%S
    section folder cut_folder show_folder
    section users cut_users dumpsys user
    section user-list cut_user_list pm list users
    read_owners
    # The shell's own app is in every user: its dump tells the user numbers without anybody's name beside them.
    for read_name in com.android.shell "$@"; do
        read_package "package:$read_name" "$read_name"
    done
}

# show_boot: the boot's id; without cat, which is a program.
show_boot() {
    read -r boot_line </proc/sys/kernel/random/boot_id && echo "$boot_line"
}

# cut_line: the first line of a short answer, if it is made of harmless characters.
cut_line() {
    sed -n "$cut_common
s/^\([A-Za-z0-9:._-]\{1,80\}\)[[:space:]]*\$/line \1/p
$cut_error"
}

# cut_properties: the properties we need out of the whole list.
cut_properties() {
    sed -n "$cut_common
/^\[ro\.product\.manufacturer\]: /b property
/^\[ro\.product\.model\]: /b property
/^\[ro\.product\.device\]: /b property
/^\[ro\.serialno\]: /b property
/^\[ro\.build\.version\.release\]: /b property
/^\[ro\.build\.version\.sdk\]: /b property
/^\[ro\.build\.version\.security_patch\]: /b property
/^\[ro\.boot\.verifiedbootstate\]: /b property
/^\[ro\.curfew\.virtual\]: /b property
/^\[persist\.sys\.locale\]: /b property
/^\[ro\.product\.locale\]: /b property
b
: property
s/^\[\([a-z._]*\)\]: \[\(.\{0,100\}\)\][[:space:]]*\$/property \1 \2/p
$cut_error"
}
