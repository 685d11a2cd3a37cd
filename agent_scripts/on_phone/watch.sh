# shellcheck shell=dash disable=SC2154,SC2034 # what a function expects, and who reads what it sets, is in other files
# Curfew on the phone: checks by itself between two visits, as the plan says, and remembers what it saw.
# Tested in mksh with toybox and in busybox ash. Started as: sh FOLDER/curfew.sh WORD ...
#
#   start SECONDS        watch from now on; SECONDS is the station's trusted time, since 1970
#   stop                 end watching
#   once [SECONDS]       one full check now
#   status               what is so
#   collect [SEQ HASH]   the spool, after forgetting what the station has up to that line
#   restore              end watching and put everything back, whatever the plan says
#
# The answer is a line with the version, lines, and "end COUNT".

script_version=1
uptime_file=${CURFEW_UPTIME:-/proc/uptime}
boot_file=${CURFEW_BOOT_ID:-/proc/sys/kernel/random/boot_id}
spool_max=${CURFEW_SPOOL_MAX:-400}

say() { printf '%s\n' "$*"; }
fail() { say "failed $*"; exit 1; }
blink() { sleep 0.1 2>/dev/null || sleep 1; }

# time_now: sets $up, seconds since boot; $now, seconds since 1970 by the station; $trusted, 1 within the boot in
# which the station told its time. The phone's own clock is never believed.
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

# iso_time SECONDS: sets $iso to that moment in UTC, as the ledger writes it.
iso_time() {
    i_days=$(($1 / 86400 + 719468)) i_left=$(($1 % 86400))
    i_era=$((i_days / 146097)) i_days=$((i_days % 146097))
    i_year=$(((i_days - i_days / 1460 + i_days / 36524 - i_days / 146096) / 365))
    i_days=$((i_days - (365 * i_year + i_year / 4 - i_year / 100)))
    i_month=$(((5 * i_days + 2) / 153))
    i_day=$((i_days - (153 * i_month + 2) / 5 + 1 + 100))
    i_year=$((i_year + i_era * 400 + i_month / 10)) i_month=$(((i_month + 2) % 12 + 1 + 100))
    i_hour=$((i_left / 3600 + 100)) i_minute=$((i_left / 60 % 60 + 100)) i_second=$((i_left % 60 + 100))
    iso="$i_year-${i_month#1}-${i_day#1}T${i_hour#1}:${i_minute#1}:${i_second#1}+00:00"
}

# read_ledger: sets l_sum, l_marker and l_entries, " USER/PACKAGE/PRIOR/STATE/BUNDLE/AT/ROUNDS ..."; l_bad for a
# ledger that cannot be believed.
read_ledger() {
    l_sum=$(sum_of ledger) l_entries=' ' l_bad='' l_count=0 l_ended=''
    read -r l_marker <"$folder/marker" || l_bad=marker
    [ -f "$folder/ledger" ] || l_bad=missing
    [ -n "$l_bad" ] || ledger_lines <"$folder/ledger"
    [ -n "$l_ended" ] || l_bad=${l_bad:-cut}
}

ledger_lines() {
    read -r l_word l_version l_by || l_word=''
    [ "$l_word/$l_version/$l_by" = "curfew-ledger/1/$l_marker" ] || l_bad="head"
    while read -r l_word l_user l_package l_prior l_state l_bundle l_at l_rounds; do
        [ -z "$l_ended" ] || l_bad=end
        case $l_word in
            entry) ledger_entry ;;
            end)
                [ "$l_user" = "$l_count" ] || l_bad=end
                l_ended=1
                ;;
            *) l_bad=line ;;
        esac
    done
}

ledger_entry() {
    seconds_of "$l_at"
    case $l_prior/$l_state/$seconds in
        [01]/intended/?* | [01]/done/?* | [01]/restoring/?* | [01]/restored/?* | [01]/gone/?*) ;;
        *) l_bad=entry ;;
    esac
    is_number "$l_user" && is_package "$l_package" && is_number "$l_bundle" && is_number "$l_rounds" || l_bad=entry
    case $l_entries in
        *" $l_user/$l_package/"*) l_bad=twice ;;
    esac
    l_count=$((l_count + 1))
    l_entries="$l_entries$l_user/$l_package/$l_prior/$l_state/$l_bundle/$l_at/$l_rounds "
}

# put_entry USER PACKAGE PRIOR STATE BUNDLE AT ROUNDS: in place of the one for the same spot.
put_entry() {
    case $l_entries in
        *" $1/$2/"*)
            put_rest=${l_entries#*" $1/$2/"}
            l_entries="${l_entries%%" $1/$2/"*} ${put_rest#* }"
            ;;
    esac
    l_entries="$l_entries$1/$2/$3/$4/$5/$6/$7 "
}

# settle_ledger: what the phone is decides steps that were interrupted (agent_scripts/visits/ledger_steps.py).
settle_ledger() {
    for l_entry in $l_entries; do
        l_user=${l_entry%%/*} l_package=${l_entry#*/}
        l_package=${l_package%%/*}
        entry_of "$l_user" "$l_package"
        reading_of "$l_package"
        state_of "$l_package" "$l_user"
        case $f_problem$reading/$e_state/$state in
            un*) continue ;;
            */intended/*,*,*,3,shell,* | */restoring/*,*,*,3,shell,*) e_state="done" ;;
            */restoring/*,*,*,"$e_prior",*) e_state=restored ;;
            *) continue ;;
        esac
        put_entry "$l_user" "$l_package" "$e_prior" "$e_state" "$e_bundle" "$e_at" "$e_rounds"
    done
}

# next_round: sets $e_rounds of an app that is about to be disabled again, or given up.
next_round() {
    if [ "$e_bundle" -lt "$p_bundle" ]; then
        e_rounds=1
    elif [ "$undo" = somebody ] && [ "$e_rounds" -le "$rounds_limit" ]; then
        e_rounds=$((e_rounds + 1))
    fi
}

# intend: the ledger as it must be on disk before anything is done.
intend() {
    iso_time "$now"
    for l_entry in $l_entries; do
        l_user=${l_entry%%/*} l_package=${l_entry#*/}
        l_package=${l_package%%/*}
        entry_of "$l_user" "$l_package"
        if [ -n "$e_state" ] && has_vanished "$l_user" "$l_package"; then
            put_entry "$l_user" "$l_package" "$e_prior" gone "$e_bundle" "$e_at" "$e_rounds"
        fi
    done
    for l_spot in $j_managed; do
        spot_of "$l_spot"
        ! is_given_up || {
            next_round
            put_entry "${l_spot%%/*}" "${l_spot#*/}" "$e_prior" "$e_state" "$e_bundle" "$e_at" "$e_rounds"
        }
    done
    for l_spot in $j_disable; do
        l_prior=${l_spot##*/} l_spot=${l_spot%/*}
        spot_of "$l_spot"
        if [ -n "$e_state" ]; then
            next_round
        else
            e_rounds=1
        fi
        put_entry "${l_spot%%/*}" "${l_spot#*/}" "$l_prior" intended "$p_bundle" "$iso" "$e_rounds"
    done
    for l_spot in $j_restore; do
        l_spot=${l_spot%/*}
        entry_of "${l_spot%%/*}" "${l_spot#*/}"
        put_entry "${l_spot%%/*}" "${l_spot#*/}" "$e_prior" restoring "$e_bundle" "$iso" "$e_rounds"
    done
}

# ledger_text: prints l_entries in the form of the ledger.
ledger_text() {
    echo "curfew-ledger 1 $l_marker"
    l_count=0
    for l_entry in $l_entries; do
        l_line=entry
        while [ -n "$l_entry" ]; do
            l_line="$l_line ${l_entry%%/*}"
            case $l_entry in
                */*) l_entry=${l_entry#*/} ;;
                *) l_entry='' ;;
            esac
        done
        echo "$l_line"
        l_count=$((l_count + 1))
    done
    echo "end $l_count"
}

# steps: what act carries out once the ledger is safe.
steps() {
    step=0
    for step_spot in $j_restore; do
        step_rest=${step_spot#*/}
        restore "$step" "${step_spot%%/*}" "${step_rest%%/*}" "${step_spot##*/}"
        step=$((step + 1))
    done
    for step_spot in $j_disable; do
        step_rest=${step_spot#*/}
        disable "$step" "${step_spot%%/*}" "${step_rest%%/*}"
        step=$((step + 1))
    done
    case $c_tell/$j_notify$act_restored in
        ?*/?*) tell "$step" "$p_remind" "$p_disabled" "$p_restored" ;;
    esac
}

# do_it: the ledger first, then the actions; a line in the spool for each. Does nothing where there is nothing new.
do_it() {
    l_new=$(ledger_text)
    l_new="$l_new
"
    l_new_sum=$(printf '%s' "$l_new" | sha256sum)
    [ "$l_sum$j_restore$j_disable$c_tell" != "${l_new_sum%% *}" ] || return 0
    c_answer=$(act "$l_sum" "${l_new_sum%% *}" "$l_new" steps)
    l_before=$j_restore/$j_disable
    read_ledger
    c_step=0
    for c_spot in $j_restore; do did restore; done
    for c_spot in $j_disable; do did disable; done
    case $c_answer in
        *"$mark refused "*)
            c_answer=${c_answer##*"$mark refused "}
            spool "refused $now ${c_answer%%[!a-z]*}"
            ;;
    esac
}

# did KIND: tells in the spool what became of $c_spot: the word of act, and how far the ledger's entry came.
did() {
    c_did=none
    case $c_answer in
        *"$mark did $c_step "*)
            c_did=${c_answer#*"$mark did $c_step "}
            c_did=${c_did%%[!a-z]*}
            ;;
    esac
    c_spot=${c_spot%/*}
    e_state=lost
    case $l_entries in
        *" $c_spot/"*)
            e_rest=${l_entries#*" $c_spot/"}
            e_rest=${e_rest#*/}
            e_state=${e_rest%%/*}
            ;;
    esac
    spool "action $now $1 ${c_spot%%/*} ${c_spot#*/} $c_did $e_state"
    c_step=$((c_step + 1))
}

# take_plan: the plan in force, after looking for a new one.
take_plan() {
    load_plan
    [ -z "$plan_news" ] || spool "plan $now $plan_news"
}

# full_check: plan, read, judge, act, remember.
full_check() {
    [ "$(folder_state)" = closed ] || fail folder
    time_now
    take_plan
    if [ -n "$p_bad" ]; then
        c_verdict="unreadable 0 none plan"
        c_changed
        return
    fi
    read_facts
    read_ledger
    settle_ledger
    judge "$now" "$trusted"
    c_verdict="$j_verdict $j_enforceable $j_stage ${l_bad:-${f_problem:-ok}}"
    c_changed
    c_tell=$j_disable$j_restore
    [ -z "$c_is_new" ] || c_tell=$c_tell$j_notify
    [ -n "$p_message" ] || c_tell=''
    if [ -z "$l_bad" ]; then
        intend
        do_it
    fi
}

# c_changed: a line in the spool if the verdict is another than last time.
c_changed() {
    c_old='' c_is_new=''
    [ ! -f "$folder/verdict" ] || read -r c_old <"$folder/verdict"
    if [ "$c_old" != "$c_verdict" ]; then
        c_is_new=1
        spool "verdict $now $c_verdict"
        keep verdict "$c_verdict
"
    fi
}

# changes: prints the number of the last change of any package, nothing where the layout is not known
# (COMMANDS.md 15).
changes() {
    dumpsys package changes 2>/dev/null </dev/null |
        sed -n 's/^[[:blank:]]*Sequence number=\([0-9]\{1,9\}\)[[:space:]]*$/\1/p'
}

# rest SECONDS: can be cut short by stop. The sleeper must not hold the lock of a watch that was killed.
rest() {
    sleep "$1" 8>&- &
    sleeper=$!
    wait "$sleeper"
    sleeper=''
}

watch() {
    watch_left=15
    until flock -n 8; do
        watch_left=$((watch_left - 1))
        [ "$watch_left" -gt 0 ] || exit 3
        sleep 1 8>&-
    done
    sleeper='' stopping='' due=0 seen=''
    trap '' HUP
    trap 'stopping=1; [ -z "$sleeper" ] || kill "$sleeper"' TERM
    started_at "$$"
    keep watch.pid "$$ $start_time
"
    time_now
    spool "started $now $script_version $boot $up"
    while [ -z "$stopping" ]; do
        change=$(changes)
        time_now
        if [ "$up" -ge "$due" ]; then
            full_check
            spool "alive $now $(date +%s) $trusted"
            [ -z "$p_bad" ] || p_interval=3600 p_jitter=0 p_poll=30
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

stop() {
    stop_left=250
    while is_running; do
        kill "$pid"
        stop_left=$((stop_left - 1))
        [ "$stop_left" -gt 0 ] || fail still-running
        blink
    done
}

start() {
    stop
    set_time "${1:-}"
    take_plan
    trap '' HUP
    setsid sh "$folder/curfew.sh" watch </dev/null >/dev/null 2>&1 &
    start_left=100
    until is_running; do
        start_left=$((start_left - 1))
        [ "$start_left" -gt 0 ] || fail not-started
        blink
    done
    status
}

once() {
    [ -z "${1:-}" ] || set_time "$1"
    full_check
    status
}

# put_back: restores all that the ledger remembers; needs no plan and no time.
put_back() {
    stop
    time_now
    p_banned='' p_managed=''
    read_facts
    read_ledger
    [ -z "$l_bad" ] || fail "ledger $l_bad"
    j_restore='' j_disable='' j_managed='' j_notify='' c_tell='' p_message=''
    for c_spot in $l_entries; do
        c_rest=${c_spot#*/}
        entry_of "${c_spot%%/*}" "${c_rest%%/*}"
        if [ -n "$e_state" ] && ! has_vanished "${c_spot%%/*}" "${c_rest%%/*}"; then
            j_restore="$j_restore ${c_spot%%/*}/${c_rest%%/*}/$e_prior"
        fi
    done
    intend
    do_it
    status
}

status() {
    time_now
    if is_running; then say "running $pid"; else say "not-running"; fi
    say "time $now $trusted $(date +%s) $boot $up"
    p_bad=none
    [ ! -f "$folder/plan" ] || check_plan "$folder/plan"
    say "plan ${p_bad:-$p_bundle $p_fleet $p_made_at $p_valid_until}"
    if [ -f "$folder/plan.refused" ]; then
        check_plan "$folder/plan.refused"
        say "refused ${p_bad:-older}"
    fi
    c_old=none
    [ ! -f "$folder/verdict" ] || read -r c_old <"$folder/verdict"
    say "verdict $c_old"
    read_ledger
    say "ledger ${l_bad:-$l_sum}"
}

collect() {
    status
    if [ -n "${1:-}" ]; then
        is_number "$1" || fail line
        is_hex "${2:-}" || fail line
        with_spool spool_collected "$1" "$2"
    fi
    with_spool spool_show
}

# counted WORD: the answer of a command, with a version line and a counted end line.
counted() {
    say_count=1
    say "curfew-$1 $script_version"
    while read -r say_line; do
        say "$say_line"
        say_count=$((say_count + 1))
    done
    say "end $say_count"
}

main() {
    umask 077
    set -f
    LC_ALL=C
    export LC_ALL
    folder=${0%/*}
    owners='' dated='' package_times=''
    command=${1:-status}
    [ "$#" -eq 0 ] || shift
    [ "$(folder_state)" = closed ] || { fail folder | counted "$command"; exit 1; }
    api=$(getprop ro.build.version.sdk)
    is_number "$api" || api=0
    case $command in
        watch) { watch; } 8>"$folder/watch.lock" ;;
        start) start "$@" | counted start ;;
        stop) stop | counted stop ;;
        once) once "$@" | counted once ;;
        status) status | counted status ;;
        collect) collect "$@" | counted collect ;;
        restore) put_back | counted restore ;;
        *) fail unknown | counted "$command" ;;
    esac
}
