# shellcheck shell=dash disable=SC2154,SC2034 # what a function expects, and who reads what it sets, is in other files
# Watching: one process that looks often whether any package changed, and checks when one did and at every interval.
# An idle look starts two processes: dumpsys, and the sleep until the next.

watch() {
    locked 8 30 || exit 3
    sleeper='' stopping='' due=0 seen=''
    trap '' HUP
    trap 'stopping=1; [ -z "$sleeper" ] || kill "$sleeper"' TERM
    started_at "$$"
    keep watch.pid "$$ $start_time
"
    time_now
    spool "started $now $script_version $boot $up"
    while [ -z "$stopping" ]; do
        changes
        time_now
        if [ "$up" -ge "$due" ]; then
            full_check
            [ -z "$stopping" ] || break
            spool "alive $now $(date +%s) $trusted"
            jitter=$(head -n 1 /dev/urandom | sha256sum)
            jitter=0x${jitter%"${jitter#??????}"}
            due=$((up + p_interval + jitter % (p_jitter + 1)))
        elif [ "$change" != "$seen" ]; then
            full_check
        fi
        seen=$change
        pause=$((due - up))
        [ -z "$seen" ] || [ "$pause" -lt "$p_poll" ] || pause=$p_poll
        [ -n "$stopping" ] || rest "$pause"
    done
    time_now
    spool "stopped $now"
}

# changes: sets $change to the number of the last change of a package (docs/android/commands.md 15). Where none is told,
# nothing has changed since the last look; $seen stays empty where its layout is not known at all.
changes() {
    change=$(dumpsys package changes 2>/dev/null </dev/null)
    case $change in
        *"Sequence number="[0-9]*)
            change=${change#*"Sequence number="}
            change=${change%%[!0-9]*}
            ;;
        *) change=$seen ;;
    esac
}

# rest SECONDS: can be cut short by stop. The sleeper must not hold the lock of a watch that was killed.
rest() {
    sleep "$1" 8>&- &
    sleeper=$!
    wait "$sleeper"
    sleeper=''
}

# started_at PID: sets $start_time to when that process was started, in ticks since boot; empty if it does not live.
started_at() {
    start_time='' start_line=''
    [ ! -r "/proc/$1/stat" ] || read -r start_line <"/proc/$1/stat"
    start_line=${start_line##*) }
    case $start_line in
        [ZX]*) start_line='' ;;
    esac
    start_count=3
    for start_word in $start_line; do
        [ "$start_count" != 22 ] || start_time=$start_word
        start_count=$((start_count + 1))
    done
}

# is_running: whether the one in watch.pid lives, and not another process that got its number; sets $pid.
is_running() {
    pid='' pid_start=''
    [ ! -f "$folder/watch.pid" ] || read -r pid pid_start <"$folder/watch.pid"
    is_number "$pid" || return 1
    started_at "$pid"
    [ -n "$start_time" ] && [ "$start_time" = "$pid_start" ]
}
