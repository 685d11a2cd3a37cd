# shellcheck shell=dash disable=SC2154,SC2034 # what a function expects, and who reads what it sets, is in other files
# The time that counts: the station's, and what /proc/uptime says has passed since then within one boot. The phone's own
# clock is only reported.

uptime_file=${CURFEW_UPTIME:-/proc/uptime}
boot_file=${CURFEW_BOOT_ID:-/proc/sys/kernel/random/boot_id}

# time_now: sets $up, seconds since boot; $now, seconds since 1970 by the station; $trusted, 1 within the boot in
# which the station told its time.
time_now() {
    clock_boot='' clock_up=0 clock_now=0 clock_trusted=0 boot='' up='' now=0 trusted=0
    [ ! -f "$folder/clock" ] || read -r clock_boot clock_up clock_now clock_trusted <"$folder/clock"
    read -r boot <"$boot_file"
    read -r up time_rest <"$uptime_file"
    up=${up%%.*}
    is_number "$up" || up=0
    is_number "$clock_up" && is_time "$clock_now" || clock_boot=''
    [ -z "$clock_boot" ] || now=$clock_now
    if [ -n "$boot" ] && [ "$boot" = "$clock_boot" ] && [ "$up" -ge "$clock_up" ]; then
        now=$((clock_now + up - clock_up))
        [ "$clock_trusted" != 1 ] || trusted=1
    fi
}

# set_time SECONDS: believes the station, unless its time is behind what an earlier one said.
set_time() {
    is_time "$1" || fail time
    time_now
    if [ $(($1 + 300)) -lt "$now" ]; then
        keep clock "$boot $up $now 0
"
    else
        keep clock "$boot $up $1 1
"
    fi
    time_now
}
