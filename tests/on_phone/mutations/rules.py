"""One broken rule a line: the part of the script, the text, what is put in its place, and which tests notice."""

from __future__ import annotations

from dataclasses import dataclass

JUDGING = "test_judging.py"
PLANS = "test_plans.py"
READING = "test_reading.py"
SPOOL = "test_spool.py"
WATCHING = "test_watching.py"
KILLED = "test_killed_script.py"
ACTING = "../dialect/test_acting.py"
SCRIPTS = "../dialect/test_on_phone_scripts.py"


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


def _actions(old: str, new: str) -> Mutation:
    return Mutation("judge_actions", old, new, JUDGING)


def _value(old: str, new: str) -> Mutation:
    return Mutation("values", old, new, PLANS)


def _plan(old: str, new: str) -> Mutation:
    return Mutation("plan", old, new, PLANS)


def _in_force(old: str, new: str, only: str) -> Mutation:
    return Mutation("plan_in_force", old, new, WATCHING, only)


def _act(old: str, new: str) -> Mutation:
    return Mutation("act", old, new, ACTING, "not dash and not busybox")


def _cut(old: str, new: str) -> Mutation:
    return Mutation("cut", old, new, READING, "died")


def _digest(old: str, new: str) -> Mutation:
    return Mutation("digest", old, new, READING)


def _spool(old: str, new: str) -> Mutation:
    return Mutation("spool", old, new, SPOOL)


def _life(part: str, old: str, new: str, only: str, tests: str = WATCHING) -> Mutation:
    return Mutation(part, old, new, tests, only)


MUTATIONS = (
    # Stages
    _judge('[ "$p_lifted" = 1 ] ||', "false ||"),
    _judge('"$now" -ge "$p_ends_at"', '"$now" -gt "$p_ends_at"'),
    _judge('"$now" -ge "$p_review_at"', '"$now" -gt "$p_review_at"'),
    _judge("j_stage=paused", "j_stage=enforce"),
    _judge('"$now" -ge "$p_starts_at"', '"$now" -gt "$p_starts_at"'),
    _judge('[ "$now" -ge "$p_exempt_until" ] || j_exempt=1', ":"),
    _judge('[ "$now" -ge "$p_exempt_until" ] ||', '[ "$now" -gt "$p_exempt_until" ] ||'),
    # Places
    _judge("*:work_profile*) ;;", "*:nowhere*) ;;"),
    _judge('[0-9]*) j_places="$j_places$j_alone:user_0 " ;;', "[0-9]*) ;;"),
    _judge('"$j_places$j_alone:user_0 "', '"${j_places}0:user_0 "'),
    _judge("*:alone:* | *:managed_device:*) f_problem=", "*:managed_device:*) f_problem="),
    _judge("*:alone:* | *:managed_device:*) f_problem=", "*:alone:*) f_problem="),
    _judge('j_places="$j_places$j_user:managed_device "', ":"),
    _judge('*:work_profile:*) j_places="$j_places$j_user:work_profile " ;;', ""),
    _judge("*:alone:*) j_alone=$j_user ;;", ""),
    _judge("for j_user in $f_users; do\nbehind", "for j_user in 0 10 11 12 13; do\nbehind"),
    _judge('*":${found:-nowhere}:"*) ;;', "*) ;;"),
    # Coverage and verdict
    _judge("/*' 0 '*)", "/*)"),
    _judge("unreadable/* | unasked/*) j_gaps=1 ;;", "unreadable/* | unasked/*) ;;"),
    _judge("unreadable/* | unasked/*) j_gaps=1 ;;", "unreadable/*) j_gaps=1 ;; unasked/*) ;;"),
    _judge("unknown/*) ;;\nunreadable/* | unasked/*", "unreadable/* | unasked/* | unknown/*"),
    _judge("*/) j_gaps=1 ;;", "*/) ;;"),
    _judge("*/other:* | *//0/) ;;", "*//0/) ;;"),
    _judge("*/other:* | *//0/) ;;", "*/other:*) ;;"),
    _judge("*/counts:* | *//1/*)", "*/counts:*)"),
    _judge("*/counts:* | *//1/*)", "*/counts:* | *//*)"),
    _judge("*) is_gone || j_gaps=1 ;;", "*) ;;"),
    _judge("*/false,* |", ""),
    _judge("*:work_profile:*/true,true,* |", ""),
    _judge("| *:managed_device:*/true,true,*) return ;;", ") return ;;"),
    _judge("*/false,* | */true,*,true,*) ;;", "*/false,* | */true,true,* | */true,*,true,*) ;;"),
    _judge("| */true,*,true,*)", ")"),
    _judge("system/1/*,*,*,[234],*)", "*/1/*,*,*,[234],*)"),
    _judge("system/1/*,*,*,[234],*)", "system/*,*,*,[234],*)"),
    _judge("system/1/*,*,*,[234],*)", "system/1/*,*,*,[23],*)"),
    _judge("/true,false,false,*) j_managed_gaps=1 ;;", ""),
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
    _actions("case $e_state/$state in\ndone/true,*,*,[01],*)", "case $e_state/$state in\n*/true,*,*,[01],*)"),
    _actions("*,0,*,- | *,1,*) ;;", "*,0,*,-) ;;"),
    _actions('[ "$u_ago" -lt 0 ] ||', ""),
    _actions('[ "$u_ago" -ge $((now - seconds)) ]', '[ "$u_ago" -gt $((now - seconds)) ]'),
    _actions('&& [ "$e_bundle" -ge "$p_bundle" ] || return 1', "|| return 1"),
    _actions('[ "$e_bundle" -ge "$p_bundle" ]', '[ "$e_bundle" -gt "$p_bundle" ]'),
    _actions('[ "$e_rounds" -le "$rounds_limit" ] || return 0', ":"),
    _actions('[ "$e_rounds/$undo" = "$rounds_limit/somebody" ]', '[ "$e_rounds" = "$rounds_limit" ]'),
    _actions("rounds_limit=3", "rounds_limit=2"),
    _actions("rounds_limit=3", "rounds_limit=4"),
    # Restoring
    _actions("compliant/* | */lifted/*", "*/lifted/*"),
    _actions("| */lifted/* |", "|"),
    _actions("| */remind/* |", "|"),
    _actions("| */1) j_all=1 ;;", ") j_all=1 ;;"),
    _actions("unreadable/*) return ;;", "nothing) return ;;"),
    _actions("'' | restored | gone)", "'' | restored)"),
    _actions("'' | restored | gone)", "'' | gone)"),
    _actions("/*,*,*,[24],*) continue ;;", "nothing) continue ;;"),
    _actions("/*,*,*,[24],*) continue ;;", "/*,*,*,4,*) continue ;;"),
    _actions("/*,*,*,3,shell,*) ;;", ""),
    _actions("/*,*,*,3,*) continue ;;", ""),
    _actions('[ -z "$e_state" ] || has_vanished; then continue', '[ -z "$e_state" ]; then continue'),
    _actions('if [ -z "$e_state" ] || has_vanished; then continue', "if has_vanished; then continue"),
    _actions('unreadable/* | *" $user "*) return 1 ;;', '*" $user "*) return 1 ;;'),
    _actions('unreadable/* | *" $user "*) return 1 ;;', "unreadable/*) return 1 ;;"),
    _actions('[ -z "$f_problem" ] || return 1', ":"),
    _actions('[ -n "$j_all" ] || is_dropped', '[ -n "$j_all" ]'),
    _actions('! in_place "$j_app" || return 1', ":"),
    _actions('?*/*" $user "*) ;;\n*) return 1 ;;', "*) ;;"),
    # Disabling and telling
    _actions('elif [ -n "$j_all" ] && [ -n "$j_restore" ]; then', 'elif [ -n "$j_restore" ]; then'),
    _actions('elif [ -n "$j_all" ] && [ -n "$j_restore" ]; then', "elif false; then"),
    _actions("elif notice_is_stale; then", "elif false; then"),
    _actions("remind | disabled) ;;\n*) return 1 ;;", "remind | disabled | restored) ;;\n*) return 1 ;;"),
    _actions("remind | disabled) ;;\n*) return 1 ;;", "remind) ;;\n*) return 1 ;;"),
    _actions("compliant/* | */1 | */lifted/*) ;;\n*) return 1 ;;", "*) ;;"),
    _actions(
        "compliant/* | */1 | */lifted/*) ;;\n*) return 1 ;;", "compliant/* | */lifted/*) ;;\n*) return 1 ;;"
    ),
    _actions("compliant/* | */1 | */lifted/*) ;;\n*) return 1 ;;", "compliant/* | */1) ;;\n*) return 1 ;;"),
    _actions('$trusted/$p_on_phone" = enforce/violating/0/1/1 ]', '$trusted" = enforce/violating/0/1 ]'),
    _actions(
        '$j_exempt/$trusted/$p_on_phone" = enforce/violating/0/1/1 ]',
        '$j_exempt/$p_on_phone" = enforce/violating/0/1 ]',
    ),
    _actions(
        '/$j_exempt/$trusted/$p_on_phone" = enforce/violating/0/1/1 ]',
        '/$trusted/$p_on_phone" = enforce/violating/1/1 ]',
    ),
    _actions(
        '[ "$j_stage/$j_verdict/$j_exempt/$trusted/$p_on_phone" = enforce/violating',
        '[ "$j_verdict/$j_exempt/$trusted/$p_on_phone" = violating',
    ),
    _actions('[ "$now" -ge "$p_made_at" ] &&', ""),
    _actions('&& [ "$now" -le "$p_valid_until" ] || return 0', "|| return 0"),
    _actions('[ "$now" -le "$p_valid_until" ]', '[ "$now" -lt "$p_valid_until" ]'),
    _actions("*:open/*,*,*,[01],*)", "*/*,*,*,[01],*)"),
    _actions("*:open/*,*,*,[01],*)", "*:open/*)"),
    _actions('is_given_up || j_disable="', 'j_disable="'),
    _actions("prior=${state#*,*,*,}\n", ":\n"),
    _actions("e_state=$e_kept prior=$e_prior", "e_state=$e_kept prior=0"),
    _actions('[ -n "$j_disable" ] ||', "false ||"),
    _actions("= remind/violating/0 ]", "= remind/compliant/0 ]"),
    _actions(
        '"$j_stage/$j_verdict/$j_exempt" = remind/violating/0', '"$j_stage/$j_verdict" = remind/violating'
    ),
    # Plans
    _value("21[0-3][0-9]", "2[0-9][0-9][0-9]"),
    _value("*[!A-Za-z0-9_.]* | *. | *..*) return 1 ;;", "*. | *..*) return 1 ;;"),
    _value("| *. | *..*)", "| *..*)"),
    _value("| *. | *..*)", "| *.)"),
    _value("[A-Za-z]*.[A-Za-z]*) ;;", "*) ;;"),
    _value("'' | *[!0-9]* | 0* | ??????????*) return 1 ;;", "'' | *[!0-9]* | 0*) return 1 ;;"),
    _value("'' | *[!0-9]* | 0* | ??????????*) return 1 ;;", "'' | *[!0-9]* | ??????????*) return 1 ;;"),
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
    _plan("*:alone:*) p_bad=user ;;", ""),
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
    # Which plan is in force
    _in_force('[ "$plan_phone/$plan_marker" = "$p_phone_id/$p_marker" ]', "true", "anothers"),
    _in_force('[ "$p_bundle" -lt "$1" ]; return', "return 1", "anothers"),
    _in_force('[ "$p_made_at" -lt "$3" ]', "false", "anothers"),
    _in_force('spool "plan $now refused $p_bad"', ":", "anothers"),
    _in_force('mv -f "$folder/$1" "$folder/plan.refused"', 'mv -f "$folder/$1" "$folder/plan"', "plan"),
    _in_force('[ -z "$p_bad" ] || mend_plan', ":", "harm"),
    _in_force("keep_plan plan.kept plan.next", ":", "harm"),
    _in_force("keep_plan plan plan.kept", ":", "harm"),
    _in_force("{\nrefuse_plan plan\n", "{\n", "harm"),
    _in_force('[ -n "$p_bad" ] || keep_plan plan plan.kept', "keep_plan plan plan.kept", "both_copies"),
    _in_force("check_plan plan.kept", "read_plan plan.kept", "both_copies"),
    _in_force('[ -n "$p_bad" ] || plan_had=$p_bundle', ":", "older"),
    _in_force('rm -f "$folder/plan.refused"', ":", "good_plan_ends"),
    # The last words of a service that died
    _cut("/Error w[a-z ]*service", "/^Error w[a-z ]*service"),
    _cut("/Error w[a-z ]*service", "/Error with service"),
    _cut("/while dumping service [^ ]* *:", "/^while dumping service [^ ]* *:"),
    _cut("/while dumping service [^ ]* *:", "/while dumping service [^ ]*:"),
    # Reading
    _digest('"exit $1 0") d_exit=$d_open ;;', '"exit $1 "*) d_exit=$d_open ;;'),
    _digest("d_bad=${d_block:+1}$d_bad d_block=1 d_in=1", "d_block=1 d_in=1"),
    _digest('*" $u_number "*) d_bad=1 ;;', "nothing) ;;"),
    _digest("true/true/*) d_bad=1 ;;", "nothing) ;;"),
    _digest("true/*/[234]) d_off=1 ;;", "nothing) ;;"),
    _digest("*=user*=system* | *=system*=user*) d_bad=1 ;;", "nothing) ;;"),
    _digest("1/* | *=system*) d_kind=system ;;", "1/*) d_kind=system ;;"),
    _digest('/) [ -z "$d_off" ] || d_bad=1 ;;', "/) ;;"),
    _digest("digest_users_agree || d_bad=1", ":"),
    _digest(
        """for d_user in $d_seen; do
    case $f_users in
        *" $d_user "*) ;;
        *) return 1 ;;
    esac
done""",
        ":",
    ),
    _digest('[ -n "$d_exit" ] || d_bad=1', ":"),
    _digest("*) d_bad=1 ;;\nesac\ndone\ndigest_user_ends", "*) ;;\nesac\ndone\ndigest_user_ends"),
    _digest("true/?*/?*) u_ago=$((f_clock - u_time)) ;;", "true/?*/?*) ;;"),
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
    _spool("locked 7 40 || exit 1", ":"),
    _spool('spool_hash "$s_seq $1"', 'spool_hash "$1"'),
    _spool('&& [ "$s_next" = "$s_h" ]; then', "; then"),
    # Life, time and acting
    _life("commands", "setsid sh", "sh", "outlives"),
    _life("commands", '[ "$(folder_state)" = closed ] || {', "true || {", "open_folder"),
    _life("watch", "locked 8 30 || exit 3", ":", "two_watches"),
    _life("watch", '&& [ "$start_time" = "$pid_start" ]', "", "another_process"),
    _life("watch", 'elif [ "$change" != "$seen" ]; then', "elif false; then", "noticed"),
    _life("facts", '[ -n "$f_problem$stopping" ] ||', '[ -n "$f_problem" ] ||', "middle_of_a_check"),
    _life("check", '\njudge\n[ -z "$stopping" ] || return 0', "\njudge", "middle_of_a_check"),
    _life("folder", 'until flock -n "$1"; do', "until true; do", "two_watches"),
    _life("clock", '"$boot" = "$clock_boot" ]', '"$boot" != none ]', "counted_on"),
    _life("clock", 'if [ $(($1 + 300)) -lt "$now" ]; then', "if false; then", "far_behind"),
    _life("clock", "now=$((clock_now + up - clock_up))", "now=$(date +%s)", "own_clock"),
    _life("check", "?*/* | /com.android.shell) c_tell", "*) c_tell", "told_once"),
    _life("check", "?*/* | /com.android.shell) c_tell", "?*/*) c_tell", "reminded_by_the_station"),
    _life("check", '[ -n "$j_restore" ] || c_else=$p_restored', ":", "followed_a_reminder"),
    _life("facts", '|| read -r f_told <"$folder/notice"', "|| :", "followed_a_reminder"),
    _life("check", '[ -z "$l_bad" ]; then\nintend', "true; then\nintend", "ledger"),
    _life("check", "p_interval=3600 p_jitter=0 p_poll=30", ":", "next_station"),
    _life("watch", "*) change=$seen ;;", "*) change='' ;;", "fails_once"),
    _life("check", 'if [ "$c_old" != "$1" ]; then', "if false; then", "plan_is_too_old"),
    _life("facts", "*) f_problem=${f_problem:-users} f_users='' ;;", "*) ;;", "counted"),
    _life(
        "facts",
        "*) f_problem=${f_problem:-users} f_users='' ;;",
        "*) f_problem=${f_problem:-users} ;;",
        "counted",
    ),
    _life("facts", """*" filter ") f_problem=filter f_users='' ;;""", "*' nothing ') ;;", "filter"),
    _life("ledger", "intended/*,*,*,3,shell,* |", "", "disabling", KILLED),
    _life("ledger", "$user/$package/$prior/$1/", "$user/$package/0/$1/", "disabling", KILLED),
    _life("ledger", "put_entry intended", ":", "disabling", KILLED),
    _life("ledger", '[ "$undo" = somebody ] &&', "", "round"),
    _life("ledger", "if is_given_up; then\nnext_round", "if false; then\nnext_round", "rounds"),
    _life("ledger", "put_entry gone", ":", "vanished"),
    _life("ledger", '= "curfew-ledger/1/$l_marker" ]', "!= x ]", "damaged_ledger"),
    _life("ledger", '[ "$l_user" = "$l_count" ] || l_bad=end', ":", "damaged_ledger"),
    _life("ledger", '[ -n "$l_ended" ] || l_bad=${l_bad:-cut}', ":", "damaged_ledger"),
    _life("ledger", "*) l_bad=line ;;", "*) ;;", "damaged_ledger"),
    _life("ledger", "*) l_bad=entry ;;", "*) ;;", "damaged_ledger"),
    _life("ledger", '*" $l_user/$l_package/"*) l_bad=twice ;;', "", "damaged_ledger"),
    # Acting, for station and script alike
    _act('[ "$(sum_of ledger)" != "$1" ]', "false"),
    _life(
        "act", '! keep ledger "$3" || [ "$(sum_of ledger)" != "$2" ]', '! keep ledger "$3"', "whole", SCRIPTS
    ),
    _act('[ "$(folder_state)" != closed ]', "false"),
    _act("*/true,*,*,[01],*)", "*/true,*)"),
    _act("*/true,*,*,[01],*)", "*/*,*,*,[01],*)"),
    _act("*/true,*,*,3,shell,*) act_did=already ;;", ""),
    _act("*/true,*,*,3,shell,*) act_did=already ;;", "*/true,*,*,3,*) act_did=already ;;"),
    _act("already/* | acted/true,*,*,3,*)", "already/*)"),
    _act("already/* | acted/true,*,*,3,*)", "already/* | acted/*)"),
    _act("changed/* | acted/true,*,*,[01],*) mark_entry", "changed/*) mark_entry"),
    _act("*/*,*,*,3,shell,*)", "*/*,*,*,3,*)"),
    _act('*/true,*,*,"$4",*) act_did=already ;;', ""),
    _act('acted/*,*,*,"$4",* | already/*)', "acted/* | already/*)"),
    _act('acted/*,*,*,"$4",* | already/*)', 'acted/*,*,*,"$4",*)'),
    _act("changed/*) mark_entry restored", "nothing) mark_entry restored"),
    _act('if [ -z "$tell_text" ]; then', "if false; then"),
    _act('if [ "$api" -lt 28 ]; then', "if false; then"),
    _act('if [ "$api" -lt 29 ]; then', "if false; then"),
    _act('[ -z "$act_disabled" ] || tell_kind=disabled tell_text=$4', ":"),
    _act('[ -z "$act_restored" ] || tell_text=$5', ":"),
    _act(
        '[ -z "$act_disabled" ] || tell_kind=disabled tell_text=$4', '[ -z "$act_disabled" ] || tell_text=$4'
    ),
    _act("*'said posting:'*)", "*)"),
)
