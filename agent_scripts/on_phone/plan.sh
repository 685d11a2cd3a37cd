# shellcheck shell=dash disable=SC2154,SC2034 # what a function expects, and who reads what it sets, is in other files
# What a plan says: what the station derived from a verified bundle (policy/plan.py has its form). A line that is
# unknown, damaged, doubled or missing refuses the whole plan.

judgement_version=4

plan_is_empty() {
    p_bad='' p_keys=' ' p_count=0 p_ended='' p_summed=''
    p_bundle='' p_fleet='' p_made_at='' p_message=''
    p_banned='' p_managed='' p_users=''
}

# plan_number KEY VALUE LEAST: notes what is no number of at least LEAST.
plan_number() {
    is_number "$2" && [ "$2" -ge "$3" ] || p_bad=$1
}

# plan_time KEY VALUE, plan_switch KEY VALUE, plan_id KEY VALUE: note what is none.
plan_time() { is_time "$2" || p_bad=$1; }
plan_switch() {
    case $2 in
        0 | 1) ;;
        *) p_bad=$1 ;;
    esac
}
plan_id() {
    case $2 in
        '' | *[!0-9a-zA-Z-]*) p_bad=$1 ;;
    esac
}

# plan_line KEY VALUE: takes one line over; p_bad becomes the key of one that cannot be.
plan_line() {
    case $1/$p_keys in
        banned/* | managed/* | user/*) ;;
        *" $1 "*) p_bad=$1 ;;
    esac
    p_keys="$p_keys$1 "
    case $1 in
        phone_id) p_phone_id=$2 && plan_id "$1" "$2" ;;
        marker) p_marker=$2 && plan_id "$1" "$2" ;;
        language) plan_id "$1" "$2" ;;
        bundle) p_bundle=$2 && plan_number "$1" "$2" 0 ;;
        fleet) p_fleet=$2 && plan_number "$1" "$2" 0 ;;
        judgement) p_judgement=$2 && plan_number "$1" "$2" 1 ;;
        interval_s) p_interval=$2 && plan_number "$1" "$2" 60 ;;
        jitter_s) p_jitter=$2 && plan_number "$1" "$2" 0 ;;
        poll_s) p_poll=$2 && plan_number "$1" "$2" 1 ;;
        made_at) p_made_at=$2 && plan_time "$1" "$2" ;;
        valid_until) p_valid_until=$2 && plan_time "$1" "$2" ;;
        starts_at) p_starts_at=$2 && plan_time "$1" "$2" ;;
        exempt_until) p_exempt_until=$2 && plan_time "$1" "$2" ;;
        review_at) p_review_at=$2 && plan_time "$1" "$2" ;;
        ends_at) p_ends_at=$2 && plan_time "$1" "$2" ;;
        on_phone) p_on_phone=$2 && plan_switch "$1" "$2" ;;
        lifted) p_lifted=$2 && plan_switch "$1" "$2" ;;
        preinstalled_off_is_gone) p_preinstalled=$2 && plan_switch "$1" "$2" ;;
        new_users_count) p_new_users=$2 && plan_switch "$1" "$2" ;;
        name) ;;
        remind) p_message="${p_message}1" p_remind=$2 ;;
        disabled) p_message="${p_message}2" p_disabled=$2 ;;
        restored) p_message="${p_message}3" p_restored=$2 ;;
        banned)
            is_package "$2" || p_bad=$1
            p_banned="$p_banned $2"
            ;;
        managed) plan_managed "$2" ;;
        user) plan_user "$2" ;;
        *) p_bad=unknown ;;
    esac
}

# plan_managed "PACKAGE PLACE...": becomes PACKAGE:PLACE:...:
plan_managed() {
    plan_app=${1%% *}:
    is_package "${1%% *}" || p_bad=managed
    for plan_word in ${1#* }; do
        case $plan_word in
            work_profile | managed_device | user_0) plan_app=$plan_app$plan_word: ;;
            *) p_bad=managed ;;
        esac
    done
    p_managed="$p_managed $plan_app"
}

# plan_user "NUMBER COUNTS PLACE REACH": becomes the same with colons.
plan_user() {
    plan_rest=${1#* }
    is_number "${1%% *}" || p_bad=user
    case " $p_users" in
        *" ${1%% *}:"*) p_bad=user ;;
    esac
    case $plan_rest in
        "counts work_profile open" | "counts work_profile closed" | "counts none open" | "counts none closed") ;;
        "other work_profile open" | "other work_profile closed" | "other none open" | "other none closed") ;;
        "counts managed_device open" | "counts managed_device closed") ;;
        "other managed_device open" | "other managed_device closed") ;;
        "counts alone open" | "counts alone closed" | "other alone open" | "other alone closed")
            case $p_users in
                *:alone:*) p_bad=user ;;
            esac
            ;;
        *) p_bad=user ;;
    esac
    plan_place=${plan_rest#* }
    p_users="$p_users ${1%% *}:${plan_rest%% *}:${plan_place%% *}:${plan_rest##* }"
}

# plan_is_whole: after the last line, whether nothing is missing.
plan_is_whole() {
    for plan_key in phone_id marker bundle fleet made_at valid_until on_phone judgement starts_at exempt_until \
        review_at ends_at lifted preinstalled_off_is_gone new_users_count interval_s jitter_s poll_s language name user; do
        case $p_keys in
            *" $plan_key "*) ;;
            *) p_bad=${p_bad:-missing-$plan_key} ;;
        esac
    done
    case " $p_users" in
        *' 0:'*) ;;
        *) p_bad=${p_bad:-user} ;;
    esac
    case $p_message in
        '' | 123) ;;
        *) p_bad=${p_bad:-message} ;;
    esac
    [ -n "$p_bad" ] || [ "$p_judgement" -le "$judgement_version" ] || p_bad=judgement
}

# read_plan FILE: sets p_*; p_bad says what is wrong, empty if nothing.
read_plan() {
    plan_is_empty
    plan_sum=$(sed '$d' "$1" | sha256sum)
    while read -r plan_key plan_value; do
        case $p_count/$p_ended/$plan_key in
            0//curfew-plan) [ "$plan_value" = 1 ] || p_bad=version ;;
            0/*) p_bad=version ;;
            *//end)
                [ "$plan_value" = "$p_count" ] || p_bad=end
                p_ended=1
                ;;
            */1/sha256)
                [ "$plan_value" = "${plan_sum%% *}" ] || p_bad=sum
                p_summed=1
                ;;
            */1/*) p_bad=end ;;
            *) plan_line "$plan_key" "$plan_value" ;;
        esac
        p_count=$((p_count + 1))
    done <"$1"
    plan_is_whole
    [ -n "$p_summed" ] || p_bad="cut"
}
