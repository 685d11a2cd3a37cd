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
#
# One file is made of these (agent_scripts/exchange/watch_script.py). They call each other from the top down:
#
#   commands.sh       this page: the words above
#   watch.sh          when to check; whether somebody watches
#   check.sh          one check: the order of plan, facts, judgement, ledger, actions
#   plan_in_force.sh  which plan counts            plan.sh            what a plan says, line by line
#   facts.sh          what is asked of the phone   judge.sh           stage, verdict, reach
#   ledger.sh         the state before us          judge_actions.sh   what to restore and disable, whom to tell
#   clock.sh          the station's time           spool.sh           the record
#
# and below them what the station's own exchanges use as well, so that there is one way to read a phone and to act:
#
#   act.sh            the three verbs              package.sh         asking about one package, cut to what we need
#   folder.sh         our folder, locks            digest.sh          what that answer means
#   frame.sh, cut.sh  sections, errors             values.sh          numbers, names, times

script_version=1
spool_max=${CURFEW_SPOOL_MAX:-400}

main() {
    umask 077
    set -f
    LC_ALL=C
    export LC_ALL
    folder=${0%/*}
    dated='' stopping=''
    command=${1:-status}
    [ "$#" -eq 0 ] || shift
    [ "$(folder_state)" = closed ] || { fail folder | counted "$command"; exit 1; }
    api=$(getprop ro.build.version.sdk)
    is_number "$api" || api=0
    case $command in
        watch) { watch; } 8>"$folder/watch.lock" ;;
        start) start_watching "$@" | counted start ;;
        stop) stop_watching | counted stop ;;
        once) once "$@" | counted once ;;
        status) status | counted status ;;
        collect) collect "$@" | counted collect ;;
        restore) restore_all | counted restore ;;
        *) fail unknown | counted "$command" ;;
    esac
}

# counted WORD: the answer of a command, with a version line and a counted end line.
counted() {
    say_count=1
    echo "curfew-$1 $script_version"
    while read -r say_line; do
        echo "$say_line"
        say_count=$((say_count + 1))
    done
    echo "end $say_count"
}

# How many seconds since boot a script may take to start and to end: longer than acting, its longest step, takes on a
# slow phone, and together less than the silence a station bears (PLACE_TIMEOUT_S, agent_scripts/visits/placing.py).
longest_start=40
longest_stop=75

fail() { echo "failed $*"; exit 1; }
blink() { sleep 0.1 2>/dev/null || sleep 1; }

start_watching() {
    stop_watching
    set_time "${1:-}"
    load_plan
    trap '' HUP
    setsid sh "$folder/curfew.sh" watch </dev/null >/dev/null 2>&1 &
    time_now
    start_end=$((up + longest_start))
    until is_running; do
        time_now
        [ "$up" -lt "$start_end" ] || fail not-started
        blink
    done
    status
}

stop_watching() {
    time_now
    stop_end=$((up + longest_stop)) stop_told=$up
    while is_running; do
        kill "$pid"
        time_now
        [ "$up" -lt "$stop_end" ] || fail still-running
        if [ $((up - stop_told)) -ge 5 ]; then
            echo "stopping $pid"
            stop_told=$up
        fi
        blink
    done
}

once() {
    [ -z "${1:-}" ] || set_time "$1"
    full_check
    status
}

restore_all() {
    stop_watching
    put_back
    status
}

status() {
    time_now
    if is_running; then echo "running $pid"; else echo "not-running"; fi
    echo "time $now $trusted $(date +%s) $boot $up"
    check_plan plan
    echo "plan ${p_bad:-$p_bundle $p_fleet $p_made_at $p_valid_until}"
    if [ -f "$folder/plan.refused" ]; then
        check_plan plan.refused
        echo "refused ${p_bad:-older}"
    fi
    c_old=none
    [ ! -f "$folder/verdict" ] || read -r c_old <"$folder/verdict"
    echo "verdict $c_old"
    read_ledger
    echo "ledger ${l_bad:-$l_sum}"
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
