# shellcheck shell=dash disable=SC2154,SC2034 # what a function expects, and who reads what it sets, is in other files
# The judgement, by the rules of policy/judgement.py and policy/coverage.py as far as a phone can know: both run
# one table of cases (tests/on_phone). Expects the plan (p_*), the facts (f_*), the ledger's entries (l_entries).
#
#   j_stage j_verdict j_enforceable     one word each; j_enforceable is 1 or 0
#   j_restore j_disable                 "USER/PACKAGE/PRIOR" words
#   j_notify                            the banned packages the owner is to be told of

rounds_limit=3

# judge NOW TRUSTED: NOW in seconds since 1970; TRUSTED is 1 if that time is to be relied on.
judge() {
    j_now=$1 j_trusted=$2
    judge_stage
    judge_places
    j_found='' j_gaps='' j_managed='' j_managed_gaps=''
    case "$f_problem/$f_users" in
        /*' 0 '*)
            judge_banned
            judge_managed
            ;;
        *) f_problem=${f_problem:-user-0} ;;
    esac
    judge_verdict
    judge_reach
    judge_restoring
    judge_disabling
    j_notify=''
    if [ -n "$j_disable" ] || [ "$j_stage/$j_verdict/$j_exempt" = remind/violating/0 ]; then
        j_notify=$j_found
    fi
}

judge_stage() {
    if [ "$p_lifted" = 1 ] || [ "$j_now" -ge "$p_ends_at" ]; then
        j_stage=lifted
    elif [ "$j_now" -ge "$p_review_at" ]; then
        j_stage=paused
    elif [ "$j_now" -ge "$p_starts_at" ]; then
        j_stage=enforce
    else
        j_stage=remind
    fi
    j_exempt=0
    [ "$j_now" -ge "$p_exempt_until" ] || j_exempt=1
}

# judge_places: " USER:PLACE ..." of the planned users that are still there.
judge_places() {
    j_places=' ' j_alone=''
    for j_user in $p_users; do
        case "$f_users/$j_user" in
            *" ${j_user%%:*} "*:work_profile:*) j_places="$j_places${j_user%%:*}:work_profile " ;;
            *" ${j_user%%:*} "*:managed_device:*) j_places="$j_places${j_user%%:*}:managed_device " ;;
            *" ${j_user%%:*} "*:alone:*) j_alone=1 ;;
        esac
    done
    case $j_alone$j_places in
        *:work_profile*) ;;
        1*) j_places="${j_places}0:user_0 " ;;
    esac
}

# planned USER: sets $planned to "NUMBER:COUNTS:PLACE:REACH", empty for a user that came after the plan.
planned() {
    planned=''
    for j_user in $p_users; do
        case $j_user in
            "$1":*) planned=$j_user ;;
        esac
    done
}

# state_of PACKAGE USER: sets $state to the word behind them in f_states, empty if there is none.
state_of() {
    state=''
    for j_word in $f_states; do
        case $j_word in
            "$1/$2/"*) state=${j_word#"$1/$2/"} ;;
        esac
    done
}

# reading_of PACKAGE: sets $reading to user, system, unknown, unreadable or unasked.
reading_of() {
    case $f_readings in
        *" $1=user "*) reading=user ;;
        *" $1=system "*) reading=system ;;
        *" $1=unknown "*) reading=unknown ;;
        *" $1="*) reading=unreadable ;;
        *) reading=unasked ;;
    esac
}

# is_gone: whether a banned app in $state, of a package of kind $reading, counts as gone.
is_gone() {
    case $reading/$p_preinstalled/$state in
        */false,* | */true,true,* | */true,*,true,*) ;;
        system/1/*,*,*,[234],*) ;;
        *) return 1 ;;
    esac
}

judge_banned() {
    for j_package in $p_banned; do
        reading_of "$j_package"
        case $reading in
            unknown) ;;
            unreadable | unasked) j_gaps=1 ;;
            *)
                for j_number in $f_users; do
                    planned "$j_number"
                    state_of "$j_package" "$j_number"
                    case $planned/$p_new_users/$state in
                        *:other:* | /0/) ;;
                        */) j_gaps=1 ;;
                        *:counts:* | /1/*) is_gone || judge_finds "$j_package" ;;
                        *) is_gone || j_gaps=1 ;;
                    esac
                done
                ;;
        esac
    done
}

# judge_finds PACKAGE: notes that it is on the phone.
judge_finds() {
    case " $j_found " in
        *" $1 "*) ;;
        *) j_found="$j_found $1" ;;
    esac
}

judge_managed() {
    for j_app in $p_managed; do
        j_package=${j_app%%:*}
        reading_of "$j_package"
        for j_number in $f_users; do
            state_of "$j_package" "$j_number"
            planned "$j_number"
            if [ -z "$planned" ]; then
                # Nobody knows yet whether this user is a place.
                case $reading/$state in
                    un*) ;;
                    *true,false,false,*) j_managed_gaps=1 ;;
                esac
                continue
            fi
            in_place "$j_number" "$j_app" || continue
            case $reading/$state in
                unknown/*) ;;
                un* | user/ | system/) j_managed_gaps=1 ;;
                */true,false,false,*) j_managed="$j_managed $j_number/$j_package" ;;
            esac
        done
    done
}

# in_place USER APP: whether APP, "PACKAGE:PLACE:...:", is managed in that user.
in_place() {
    for j_place in $j_places; do
        case "$j_place/$2" in
            "$1":*)
                case $2 in
                    *":${j_place#*:}:"*) return 0 ;;
                esac
                ;;
        esac
    done
    return 1
}

judge_verdict() {
    if [ -n "$f_problem" ]; then
        j_verdict=unreadable
    elif [ -n "$p_managed" ] && [ -z "$j_managed$j_managed_gaps" ]; then
        j_verdict=compliant
    elif [ -n "$j_found" ]; then
        j_verdict=violating
    elif [ -n "$j_gaps" ]; then
        j_verdict=unreadable
    else
        j_verdict=compliant
    fi
}

# entry_of USER PACKAGE: sets e_prior e_state e_bundle e_at e_rounds of the ledger's entry; e_state is empty if
# there is none or nothing of it is in force.
entry_of() {
    e_state=''
    for j_word in $l_entries; do
        case $j_word in
            "$1/$2/"*/restored/* | "$1/$2/"*/gone/*) ;;
            "$1/$2/"*)
                e_rest=${j_word#"$1/$2/"}
                e_prior=${e_rest%%/*} e_rest=${e_rest#*/}
                e_state=${e_rest%%/*} e_rest=${e_rest#*/}
                e_bundle=${e_rest%%/*} e_rest=${e_rest#*/}
                e_at=${e_rest%%/*} e_rounds=${e_rest#*/}
                ;;
        esac
    done
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
                *) [ "$u_ago" -lt 0 ] || [ "$u_ago" -ge $((j_now - seconds)) ] || undo=update ;;
            esac
            ;;
    esac
}

# is_given_up: whether an app that runs again stays on.
is_given_up() {
    [ -n "$undo" ] && [ "$e_bundle" -ge "$p_bundle" ] || return 1
    [ "$e_rounds" -le "$rounds_limit" ] || return 0
    [ "$e_rounds/$undo" = "$rounds_limit/somebody" ]
}

# spot_of USER/PACKAGE: looks up plan, state and entry of one managed app.
spot_of() {
    planned "${1%%/*}"
    state_of "${1#*/}" "${1%%/*}"
    entry_of "${1%%/*}" "${1#*/}"
    undo_of
}

judge_reach() {
    j_enforceable=1
    [ "$j_verdict" != unreadable ] && [ -z "$j_managed_gaps" ] || j_enforceable=0
    for j_spot in $j_managed; do
        spot_of "$j_spot"
        case $planned/$e_state/$state in
            *:closed/?*/* | *:closed/*,*,*,[01],*) j_enforceable=0 ;;
        esac
        case $j_verdict/$j_stage/$j_exempt in
            violating/enforce/0 | violating/paused/0) ! is_given_up || j_enforceable=0 ;;
        esac
    done
}

judge_restoring() {
    j_restore='' j_all=''
    case $j_verdict/$j_stage/$j_exempt in
        compliant/* | */lifted/* | */remind/* | */1) j_all=1 ;;
        unreadable/*) return ;;
    esac
    for j_entry in $l_entries; do
        j_number=${j_entry%%/*} j_package=${j_entry#*/}
        j_package=${j_package%%/*}
        entry_of "$j_number" "$j_package"
        [ -n "$e_state" ] || continue
        reading_of "$j_package"
        state_of "$j_package" "$j_number"
        case $f_problem$reading/$state in
            user/*,*,*,[24],* | system/*,*,*,[24],*) continue ;;
            user/*,*,*,3,shell,* | system/*,*,*,3,shell,*) ;;
            user/*,*,*,3,* | system/*,*,*,3,*) continue ;;
        esac
        ! has_vanished "$j_number" "$j_package" || continue
        if [ -n "$j_all" ] || is_dropped; then
            j_restore="$j_restore $j_number/$j_package/$e_prior"
        fi
    done
}

# has_vanished USER PACKAGE: whether the phone has no such user any more; Android gives its number to nobody else.
has_vanished() {
    [ -z "$f_problem" ] || return 1
    reading_of "$2"
    case "$reading/$f_users" in
        unreadable/* | *" $1 "*) return 1 ;;
    esac
}

# is_dropped: whether $j_package is not managed in $j_number, a user the plan knows.
is_dropped() {
    planned "$j_number"
    case "$planned/$f_users" in
        "$j_number":*" $j_number "*) ;;
        *) return 1 ;;
    esac
    for j_app in $p_managed; do
        case $j_app in
            "$j_package":*) ! in_place "$j_number" "$j_app" || return 1 ;;
        esac
    done
}

judge_disabling() {
    j_disable=''
    [ "$j_stage/$j_verdict/$j_exempt/$j_trusted/$p_on_phone" = enforce/violating/0/1/1 ] || return 0
    [ "$j_now" -ge "$p_made_at" ] && [ "$j_now" -le "$p_valid_until" ] || return 0
    for j_spot in $j_managed; do
        spot_of "$j_spot"
        case $planned/$state in
            *:open/*,*,*,[01],*) ;;
            *) continue ;;
        esac
        ! is_given_up || continue
        if [ -z "$e_state" ]; then
            e_prior=${state#*,*,*,}
            e_prior=${e_prior%%,*}
        fi
        j_disable="$j_disable $j_spot/$e_prior"
    done
}
