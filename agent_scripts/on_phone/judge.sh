# shellcheck shell=dash disable=SC2154,SC2034 # what a function expects, and who reads what it sets, is in other files
# The judgement, by the rules of policy/judgement.py and policy/coverage.py as far as a phone can know: both run
# one table of cases (tests/on_phone). Expects the plan (p_*), the facts (f_*), the ledger's entries (l_entries) and the
# time: $now in seconds since 1970, and $trusted, 1 if that is to be relied on. What follows is in judge_actions.sh.
#
#   j_stage j_verdict j_enforceable     one word each; j_enforceable is 1 or 0
#   j_found                             banned packages on the phone
#   j_managed                           "USER/PACKAGE" words: managed apps in use in their places

judge() {
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
    judge_telling
}

# spot USER/PACKAGE...: looks up all that is known of one app in one user: $user and $package; $planned,
# COUNTS:PLACE:REACH, empty for a user that came after the plan; what state_of and entry_of set.
spot() {
    user=${1%%/*} package=${1#*/}
    package=${package%%/*}
    behind "$user:" "$p_users"
    planned=$found
    state_of "$package" "$user"
    entry_of "$user" "$package"
}

judge_stage() {
    if [ "$p_lifted" = 1 ] || [ "$now" -ge "$p_ends_at" ]; then
        j_stage=lifted
    elif [ "$now" -ge "$p_review_at" ]; then
        j_stage=paused
    elif [ "$now" -ge "$p_starts_at" ]; then
        j_stage=enforce
    else
        j_stage=remind
    fi
    j_exempt=0
    [ "$now" -ge "$p_exempt_until" ] || j_exempt=1
}

# judge_places: " USER:PLACE ..." of the planned users that are still there. The first person and whoever the owner
# of the phone is in do not go: where they are missing, the phone was not read whole.
judge_places() {
    j_places=' ' j_alone=''
    for j_word in $p_users; do
        case $j_word/$f_users in
            *:alone:*/*" ${j_word%%:*} "* | *:managed_device:*/*" ${j_word%%:*} "*) ;;
            *:alone:* | *:managed_device:*) f_problem=${f_problem:-users} ;;
        esac
    done
    for j_user in $f_users; do
        behind "$j_user:" "$p_users"
        case $found in
            *:work_profile:*) j_places="$j_places$j_user:work_profile " ;;
            *:managed_device:*) j_places="$j_places$j_user:managed_device " ;;
            *:alone:*) j_alone=$j_user ;;
        esac
    done
    case $j_alone$j_places in
        *:work_profile*) ;;
        [0-9]*) j_places="$j_places$j_alone:user_0 " ;;
    esac
}

judge_banned() {
    for j_package in $p_banned; do
        for j_user in $f_users; do
            spot "$j_user/$j_package"
            case $reading/$planned/$p_new_users/$state in
                unknown/*) ;;
                unreadable/* | unasked/*) j_gaps=1 ;;
                */other:* | *//0/) ;;
                */) j_gaps=1 ;;
                */counts:* | *//1/*) is_gone || judge_finds ;;
                *) is_gone || j_gaps=1 ;;
            esac
        done
    done
}

# is_gone: whether a banned app in $state, of a package of kind $reading, counts as gone. Hidden by our own owners it
# does; elsewhere its user hid it and shows it again by a tap.
is_gone() {
    case $planned/$state in
        *:work_profile:*/true,true,* | *:managed_device:*/true,true,*) return ;;
    esac
    case $reading/$p_preinstalled/$state in
        */false,* | */true,*,true,*) ;;
        system/1/*,*,*,[234],*) ;;
        *) return 1 ;;
    esac
}

# judge_finds: notes that $package is on the phone.
judge_finds() {
    case "$j_found " in
        *" $package "*) ;;
        *) j_found="$j_found $package" ;;
    esac
}

judge_managed() {
    for j_app in $p_managed; do
        for j_user in $f_users; do
            spot "$j_user/${j_app%%:*}"
            case $planned/$state in
                # Nobody knows yet whether this user is a place.
                /true,false,false,*) j_managed_gaps=1 ;;
            esac
            in_place "$j_app" || continue
            case $reading/$state in
                unknown/*) ;;
                un* | user/ | system/) j_managed_gaps=1 ;;
                */true,false,false,*) j_managed="$j_managed $user/$package" ;;
            esac
        done
    done
}

# in_place APP: whether APP, "PACKAGE:PLACE:...:", is managed in $user.
in_place() {
    behind "$user:" "$j_places"
    case $1 in
        *":${found:-nowhere}:"*) ;;
        *) return 1 ;;
    esac
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

judge_reach() {
    j_enforceable=1
    [ "$j_verdict" != unreadable ] && [ -z "$j_managed_gaps" ] || j_enforceable=0
    for j_spot in $j_managed; do
        spot "$j_spot"
        case $planned/$e_state/$state in
            *:closed/?*/* | *:closed/*,*,*,[01],*) j_enforceable=0 ;;
        esac
        case $j_verdict/$j_stage/$j_exempt in
            violating/enforce/0 | violating/paused/0) ! is_given_up || j_enforceable=0 ;;
        esac
    done
}
