# shellcheck shell=dash disable=SC2154,SC2034 # what a function expects, and who reads what it sets, is in other files
# What follows from the judgement, by the rules of policy/judgement.py and policy/undo.py:
#
#   j_restore j_disable     "USER/PACKAGE/PRIOR" words
#   j_notify                the banned packages the owner is to be told of, or com.android.shell: nothing is asked of
#                           them any more

rounds_limit=3

# entry_of USER PACKAGE: sets e_prior e_kept e_bundle e_at e_rounds of the ledger's entry; e_state is e_kept, empty if
# there is no entry or nothing of it is in force; $prior is the state to remember of this app.
entry_of() {
    behind "$1/$2/" "$l_entries"
    e_prior=${found%%/*} found=${found#*/}
    e_kept=${found%%/*} found=${found#*/}
    e_bundle=${found%%/*} found=${found#*/}
    e_at=${found%%/*} e_rounds=${found#*/}
    e_state=$e_kept prior=$e_prior
    case $e_kept in
        '' | restored | gone)
            e_state='' prior=${state#*,*,*,}
            prior=${prior%%,*}
            ;;
    esac
}

# undo_of: sets $undo to how the entry was undone whose app is in $state: update, somebody, or empty
# (policy/undo.py).
undo_of() {
    undo=''
    case $e_state/$state in
        done/true,*,*,[01],*)
            undo=somebody
            u_ago=${state##*,}
            seconds_of "$e_at"
            case $state in
                *,0,*,- | *,1,*) ;;
                *) [ "$u_ago" -lt 0 ] || [ "$u_ago" -ge $((now - seconds)) ] || undo=update ;;
            esac
            ;;
    esac
}

# is_given_up: whether an app that runs again stays on.
is_given_up() {
    undo_of
    [ -n "$undo" ] && [ "$e_bundle" -ge "$p_bundle" ] || return 1
    [ "$e_rounds" -le "$rounds_limit" ] || return 0
    [ "$e_rounds/$undo" = "$rounds_limit/somebody" ]
}

judge_restoring() {
    j_restore='' j_all=''
    case $j_verdict/$j_stage/$j_exempt in
        compliant/* | */lifted/* | */remind/* | */1) j_all=1 ;;
        unreadable/*) return ;;
    esac
    for j_spot in $l_entries; do
        spot "$j_spot"
        if [ -z "$e_state" ] || has_vanished; then continue; fi
        case $f_problem/$state in
            /*,*,*,[24],*) continue ;;
            /*,*,*,3,shell,*) ;;
            /*,*,*,3,*) continue ;;
        esac
        if [ -n "$j_all" ] || is_dropped; then
            j_restore="$j_restore $user/$package/$prior"
        fi
    done
}

# has_vanished: whether the phone has no such $user any more; Android gives its number to nobody else.
has_vanished() {
    [ -z "$f_problem" ] || return 1
    case "$reading/$f_users" in
        unreadable/* | *" $user "*) return 1 ;;
    esac
}

# is_dropped: whether $package is not managed in $user, one the plan knows.
is_dropped() {
    case "$planned/$f_users" in
        ?*/*" $user "*) ;;
        *) return 1 ;;
    esac
    for j_app in $p_managed; do
        case $j_app in
            "$package":*) ! in_place "$j_app" || return 1 ;;
        esac
    done
}

judge_disabling() {
    j_disable=''
    [ "$j_stage/$j_verdict/$j_exempt/$trusted/$p_on_phone" = enforce/violating/0/1/1 ] || return 0
    [ "$now" -ge "$p_made_at" ] && [ "$now" -le "$p_valid_until" ] || return 0
    for j_spot in $j_managed; do
        spot "$j_spot"
        case $planned/$state in
            *:open/*,*,*,[01],*) is_given_up || j_disable="$j_disable $user/$package/$prior" ;;
        esac
    done
}

judge_telling() {
    j_notify=''
    if [ -n "$j_disable" ] || [ "$j_stage/$j_verdict/$j_exempt" = remind/violating/0 ]; then
        j_notify=$j_found
    elif [ -n "$j_all" ] && [ -n "$j_restore" ]; then
        j_notify=com.android.shell
    elif notice_is_stale; then
        j_notify=com.android.shell
    fi
}

# notice_is_stale: whether the owner was last told to do something that is not asked of them any more.
notice_is_stale() {
    case $f_told in
        remind | disabled) ;;
        *) return 1 ;;
    esac
    case $j_verdict/$j_stage/$j_exempt in
        compliant/* | */1 | */lifted/*) ;;
        *) return 1 ;;
    esac
}
