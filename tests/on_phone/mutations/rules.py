"""One broken rule a line: the part of the script, the text, what is put in its place, and which tests notice."""

from __future__ import annotations

from dataclasses import dataclass

JUDGING = "test_judging.py"
PLANS = "test_plans.py"
READING = "test_reading.py"
SPOOL = "test_spool.py"
WATCHING = "test_watching.py"
KILLED = "test_killed_script.py"


@dataclass(frozen=True)
class Mutation:
    """A rule of one part that is broken by putting `new` for `old`; `tests` are those that should notice."""

    part: str
    old: str
    new: str
    tests: str
    only: str = ""


def _judge(old: str, new: str) -> Mutation:
    return Mutation("judge", old, new, JUDGING)


def _plan(old: str, new: str) -> Mutation:
    return Mutation("plan", old, new, PLANS)


def _facts(old: str, new: str) -> Mutation:
    return Mutation("facts", old, new, READING)


def _spool(old: str, new: str) -> Mutation:
    return Mutation("spool", old, new, SPOOL)


def _watch(old: str, new: str, only: str, tests: str = WATCHING) -> Mutation:
    return Mutation("watch", old, new, tests, only)


MUTATIONS = (
    # Stages
    _judge('[ "$p_lifted" = 1 ] ||', "false ||"),
    _judge('"$j_now" -ge "$p_ends_at"', '"$j_now" -gt "$p_ends_at"'),
    _judge('"$j_now" -ge "$p_review_at"', '"$j_now" -gt "$p_review_at"'),
    _judge("j_stage=paused", "j_stage=enforce"),
    _judge('"$j_now" -ge "$p_starts_at"', '"$j_now" -gt "$p_starts_at"'),
    _judge('[ "$j_now" -ge "$p_exempt_until" ] || j_exempt=1', ":"),
    _judge('[ "$j_now" -ge "$p_exempt_until" ] ||', '[ "$j_now" -gt "$p_exempt_until" ] ||'),
    # Places
    _judge("*:work_profile*) ;;", "*:nowhere*) ;;"),
    _judge('1*) j_places="${j_places}0:user_0 " ;;', "1*) ;;"),
    _judge('j_places="$j_places${j_user%%:*}:managed_device "', ":"),
    _judge('*" ${j_user%%:*} "*:work_profile:*)', "*:work_profile:*)"),
    _judge('*":${j_place#*:}:"*) return 0 ;;', "*) return 0 ;;"),
    # Coverage and verdict
    _judge("/*' 0 '*)", "/*)"),
    _judge("unreadable | unasked) j_gaps=1 ;;", "unreadable | unasked) ;;"),
    _judge("unreadable | unasked) j_gaps=1 ;;", "unreadable) j_gaps=1 ;; unasked) ;;"),
    _judge("unknown) ;;\nunreadable | unasked", "unreadable | unasked | unknown"),
    _judge("*/) j_gaps=1 ;;", "*/) ;;"),
    _judge("*:other:* | /0/) ;;", "/0/) ;;"),
    _judge("*:counts:* | /1/*)", "*:counts:*)"),
    _judge("*:counts:* | /1/*)", "*:counts:* | /*)"),
    _judge("*) is_gone || j_gaps=1 ;;", "*) ;;"),
    _judge("*/false,* |", ""),
    _judge("*/true,true,* |", ""),
    _judge("| */true,*,true,*)", ")"),
    _judge("system/1/*,*,*,[234],*)", "*/1/*,*,*,[234],*)"),
    _judge("system/1/*,*,*,[234],*)", "system/*,*,*,[234],*)"),
    _judge("system/1/*,*,*,[234],*)", "system/1/*,*,*,[23],*)"),
    _judge("*true,false,false,*) j_managed_gaps=1 ;;", "*true,false,false,*) ;;"),
    _judge("un* | user/ | system/) j_managed_gaps=1 ;;", "un*) j_managed_gaps=1 ;;"),
    _judge("un* | user/ | system/) j_managed_gaps=1 ;;", "user/ | system/) j_managed_gaps=1 ;;"),
    _judge('*/true,false,false,*) j_managed="', '*/true,*,false,*) j_managed="'),
    _judge('*/true,false,false,*) j_managed="', '*/true,false,*) j_managed="'),
    _judge('[ -n "$p_managed" ] && [ -z "$j_managed$j_managed_gaps" ]', "false"),
    _judge('[ -z "$j_managed$j_managed_gaps" ]', '[ -z "$j_managed" ]'),
    _judge(
        'elif [ -n "$j_found" ]; then\nj_verdict=violating\nelif [ -n "$j_gaps" ]; then\nj_verdict=unreadable',
        'elif [ -n "$j_gaps" ]; then\nj_verdict=unreadable\nelif [ -n "$j_found" ]; then\nj_verdict=violating',
    ),
    _judge('if [ -n "$f_problem" ]; then', "if false; then"),
    # Reach
    _judge('[ -z "$j_managed_gaps" ] || j_enforceable=0', "true || j_enforceable=0"),
    _judge('[ "$j_verdict" != unreadable ] &&', "true &&"),
    _judge("*:closed/?*/* | *:closed/*,*,*,[01],*)", "*:closed/*,*,*,[01],*)"),
    _judge("*:closed/?*/* | *:closed/*,*,*,[01],*)", "*:closed/?*/*)"),
    _judge("violating/enforce/0 | violating/paused/0)", "violating/enforce/0)"),
    _judge("violating/enforce/0 | violating/paused/0)", "violating/paused/0)"),
    # Undoing and giving up
    _judge("case $e_state/$state in\ndone/true,*,*,[01],*)", "case $e_state/$state in\n*/true,*,*,[01],*)"),
    _judge("*,0,*,- | *,1,*) ;;", "*,0,*,-) ;;"),
    _judge('[ "$u_ago" -lt 0 ] ||', ""),
    _judge('[ "$u_ago" -ge $((j_now - seconds)) ]', '[ "$u_ago" -gt $((j_now - seconds)) ]'),
    _judge('&& [ "$e_bundle" -ge "$p_bundle" ] || return 1', "|| return 1"),
    _judge('[ "$e_bundle" -ge "$p_bundle" ]', '[ "$e_bundle" -gt "$p_bundle" ]'),
    _judge('[ "$e_rounds" -le "$rounds_limit" ] || return 0', ":"),
    _judge('[ "$e_rounds/$undo" = "$rounds_limit/somebody" ]', '[ "$e_rounds" = "$rounds_limit" ]'),
    _judge("rounds_limit=3", "rounds_limit=2"),
    _judge("rounds_limit=3", "rounds_limit=4"),
    # Restoring
    _judge("compliant/* | */lifted/*", "*/lifted/*"),
    _judge("| */lifted/* |", "|"),
    _judge("| */remind/* |", "|"),
    _judge("| */1) j_all=1 ;;", ") j_all=1 ;;"),
    _judge("unreadable/*) return ;;", "nothing) return ;;"),
    _judge('"$1/$2/"*/restored/* | "$1/$2/"*/gone/*) ;;', '"$1/$2/"*/restored/*) ;;'),
    _judge('"$1/$2/"*/restored/* | "$1/$2/"*/gone/*) ;;', '"$1/$2/"*/gone/*) ;;'),
    _judge("user/*,*,*,[24],* | system/*,*,*,[24],*) continue ;;", "nothing) continue ;;"),
    _judge("user/*,*,*,[24],* |", "user/*,*,*,4,* |"),
    _judge("user/*,*,*,3,shell,* | system/*,*,*,3,shell,*) ;;", "nothing) ;;"),
    _judge("user/*,*,*,3,* | system/*,*,*,3,*) continue ;;", "nothing) continue ;;"),
    _judge('! has_vanished "$j_number" "$j_package" || continue', ":"),
    _judge('unreadable/* | *" $1 "*) return 1 ;;', '*" $1 "*) return 1 ;;'),
    _judge('unreadable/* | *" $1 "*) return 1 ;;', "unreadable/*) return 1 ;;"),
    _judge('[ -z "$f_problem" ] || return 1', ":"),
    _judge('[ -n "$j_all" ] || is_dropped', '[ -n "$j_all" ]'),
    _judge('! in_place "$j_number" "$j_app" || return 1', ":"),
    _judge('"$j_number":*" $j_number "*) ;;\n*) return 1 ;;', "*) ;;"),
    # Disabling and telling
    _judge('$j_trusted/$p_on_phone" = enforce/violating/0/1/1 ]', '$j_trusted" = enforce/violating/0/1 ]'),
    _judge(
        '$j_exempt/$j_trusted/$p_on_phone" = enforce/violating/0/1/1 ]',
        '$j_exempt/$p_on_phone" = enforce/violating/0/1 ]',
    ),
    _judge(
        '/$j_exempt/$j_trusted/$p_on_phone" = enforce/violating/0/1/1 ]',
        '/$j_trusted/$p_on_phone" = enforce/violating/1/1 ]',
    ),
    _judge(
        '[ "$j_stage/$j_verdict/$j_exempt/$j_trusted/$p_on_phone" = enforce/violating',
        '[ "$j_verdict/$j_exempt/$j_trusted/$p_on_phone" = violating',
    ),
    _judge('[ "$j_now" -ge "$p_made_at" ] &&', ""),
    _judge('&& [ "$j_now" -le "$p_valid_until" ] || return 0', "|| return 0"),
    _judge('[ "$j_now" -le "$p_valid_until" ]', '[ "$j_now" -lt "$p_valid_until" ]'),
    _judge("*:open/*,*,*,[01],*) ;;", "*/*,*,*,[01],*) ;;"),
    _judge("*:open/*,*,*,[01],*) ;;", "*:open/*) ;;"),
    _judge("! is_given_up || continue", ":"),
    _judge('if [ -z "$e_state" ]; then\ne_prior=${state#*,*,*,}', "if true; then\ne_prior=${state#*,*,*,}"),
    _judge('[ -n "$j_disable" ] ||', "false ||"),
    _judge("= remind/violating/0 ]", "= remind/compliant/0 ]"),
    _judge(
        '"$j_stage/$j_verdict/$j_exempt" = remind/violating/0', '"$j_stage/$j_verdict" = remind/violating'
    ),
    # Plans
    _plan("21[0-3][0-9]", "2[0-9][0-9][0-9]"),
    _plan("*[!A-Za-z0-9_.]* | *. | *..*) return 1 ;;", "*. | *..*) return 1 ;;"),
    _plan("| *. | *..*)", "| *..*)"),
    _plan("| *. | *..*)", "| *.)"),
    _plan("[A-Za-z]*.[A-Za-z]*) ;;", "*) ;;"),
    _plan('is_number "$2" && [ "$2" -ge "$3" ] || p_bad=$1', 'is_number "$2" || p_bad=$1'),
    _plan('is_time "$2" || p_bad=$1', ":"),
    _plan("0 | 1) ;;", "*) ;;"),
    _plan("'' | *[!0-9a-zA-Z-]*) p_bad=$1 ;;", "'') p_bad=$1 ;;"),
    _plan('*" $1 "*) p_bad=$1 ;;', '*" $1 "*) ;;'),
    _plan("p_judgement=$2 && plan_number", "p_judgement=$2 || plan_number"),
    _plan("p_bundle=$2 && plan_number", "p_bundle=$2 || plan_number"),
    _plan("p_interval=$2 && plan_number", "p_interval=$2 || plan_number"),
    _plan("p_poll=$2 && plan_number", "p_poll=$2 || plan_number"),
    _plan("p_ends_at=$2 && plan_time", "p_ends_at=$2 || plan_time"),
    _plan("p_valid_until=$2 && plan_time", "p_valid_until=$2 || plan_time"),
    _plan("p_lifted=$2 && plan_switch", "p_lifted=$2 || plan_switch"),
    _plan("p_on_phone=$2 && plan_switch", "p_on_phone=$2 || plan_switch"),
    _plan('is_package "$2" || p_bad=$1', ":"),
    _plan("*) p_bad=unknown ;;", "*) ;;"),
    _plan('is_package "${1%% *}" || p_bad=managed', ":"),
    _plan("*) p_bad=managed ;;", "*) ;;"),
    _plan('is_number "${1%% *}" || p_bad=user', ":"),
    _plan('*" ${1%% *}:"*) p_bad=user ;;', "nothing) ;;"),
    _plan('[ "${1%% *}" = 0 ] || p_bad=user', ":"),
    _plan("*) p_bad=user ;;\nesac\nplan_place", "*) ;;\nesac\nplan_place"),
    _plan("*) p_bad=${p_bad:-missing-$plan_key} ;;", "*) ;;"),
    _plan("*) p_bad=${p_bad:-user} ;;", "*) ;;"),
    _plan("*) p_bad=${p_bad:-message} ;;", "*) ;;"),
    _plan('[ "$p_judgement" -le "$judgement_version" ] || p_bad=judgement', ":"),
    _plan('[ "$plan_value" = 1 ] || p_bad=version', ":"),
    _plan("0/*) p_bad=version ;;", ""),
    _plan('[ "$plan_value" = "$p_count" ] || p_bad=end', ":"),
    _plan('[ "$plan_value" = "${plan_sum%% *}" ] || p_bad=sum', ":"),
    _plan('[ -n "$p_summed" ] || p_bad="cut"', ":"),
    Mutation(
        "plan", '[ "$plan_phone/$plan_marker" = "$p_phone_id/$p_marker" ]', "true", WATCHING, "anothers"
    ),
    Mutation("plan", '[ "$p_bundle" -lt "$1" ]; return', "return 1", WATCHING, "anothers"),
    Mutation("plan", '[ "$p_made_at" -lt "$3" ]', "false", WATCHING, "anothers"),
    Mutation("plan", 'plan_news="refused $p_bad"', "plan_news=''", WATCHING, "anothers"),
    Mutation(
        "plan",
        'mv -f "$folder/plan.next" "$folder/plan.refused"',
        'mv -f "$folder/plan.next" "$folder/plan"',
        WATCHING,
        "plan",
    ),
    # Reading
    Mutation(
        "facts", "'' | *[!0-9]* | 0* | ??????????*) return 1 ;;", "'' | *[!0-9]* | 0*) return 1 ;;", PLANS
    ),
    _facts('"exit package:$1 0") d_exit=$d_open ;;', '"exit package:$1 "*) d_exit=$d_open ;;'),
    _facts("d_bad=${d_block:+1}$d_bad d_block=1 d_in=1", "d_block=1 d_in=1"),
    _facts('*" $u_number "*) d_bad=1 ;;', "nothing) ;;"),
    _facts("true/true/*) d_bad=1 ;;", "nothing) ;;"),
    _facts("true/*/[234]) d_off=1 ;;", "nothing) ;;"),
    _facts("*=user*=system* | *=system*=user*) d_bad=1 ;;", "nothing) ;;"),
    _facts("1/* | *=system*) d_kind=system ;;", "1/*) d_kind=system ;;"),
    _facts('/) [ -z "$d_off" ] || d_bad=1 ;;', "/) ;;"),
    _facts("digest_users_agree || d_bad=1", ":"),
    _facts(
        """for d_user in $d_seen; do
    case $f_users in
        *" $d_user "*) ;;
        *) return 1 ;;
    esac
done""",
        ":",
    ),
    _facts('[ -n "$d_exit" ] || d_bad=1', ":"),
    _facts("*) d_bad=1 ;;\nesac\ndone\ndigest_user_ends", "*) ;;\nesac\ndone\ndigest_user_ends"),
    _facts("true/?*/?*) u_ago=$((f_clock - u_time)) ;;", "true/?*/?*) ;;"),
    # The record
    _spool(
        'case $s_line in\n"$1 $2 "*) spool_forget "$s_count" 0 ;;',
        'case $s_line in\n*) spool_forget "$s_count" 0 ;;',
    ),
    _spool('[ "$s_count" -gt 0 ] &&', "true &&"),
    _spool('if [ "$s_lines" -gt "$spool_max" ]; then', "if false; then"),
    _spool('spool_forget "$s_drop" "$s_drop"', 'spool_forget "$s_drop" 0'),
    _spool('spool_forget "$s_count" 0', 'spool_forget "$s_count" "$s_count"'),
    _spool('elif [ -n "$s_extra" ]; then', "elif false; then"),
    _spool('spool_begin "$h_seq" "$h_hash" "$h_seq"\ns_seq=', "spool_begin 0 0 0\ns_seq="),
    _spool("until flock -n 7; do", "until true; do"),
    _spool('spool_hash "$s_seq $1"', 'spool_hash "$1"'),
    _spool('&& [ "$s_next" = "$s_h" ]; then', "; then"),
    # Life, time and acting
    _watch("setsid sh", "sh", "outlives"),
    _watch("until flock -n 8; do", "until true; do", "two_watches"),
    _watch(
        '[ -n "$start_time" ] && [ "$start_time" = "$pid_start" ]', '[ -n "$start_time" ]', "another_process"
    ),
    _watch('"$boot" = "$clock_boot" ]', '"$boot" != none ]', "counted_on"),
    _watch('if [ $(($1 + 300)) -lt "$now" ]; then', "if false; then", "far_behind"),
    _watch("now=$((clock_now + up - clock_up))", "now=$(date +%s)", "own_clock"),
    _watch('elif [ "$change" != "$seen" ]; then', "elif false; then", "noticed"),
    _watch('[ -z "$c_is_new" ] || c_tell=$c_tell$j_notify', "c_tell=$c_tell$j_notify", "told_once"),
    _watch('[ "$(folder_state)" = closed ] || {', "true || {", "open_folder"),
    _watch("*/intended/*,*,*,3,shell,* |", "", "disabling", KILLED),
    _watch(
        'put_entry "${l_spot%%/*}" "${l_spot#*/}" "$l_prior" intended',
        'put_entry "${l_spot%%/*}" "${l_spot#*/}" 0 intended',
        "disabling",
        KILLED,
    ),
    _watch('[ "$undo" = somebody ] &&', "", "round"),
    _watch('[ -z "$l_bad" ]; then\nintend', "true; then\nintend", "ledger"),
)
