# shellcheck shell=dash disable=SC2154,SC2034 # what a function expects, and who reads what it sets, is in other files
# One check: plan, read, judge, act, remember; and putting everything back.

# full_check: needs nothing but the folder. Told to stop, it is given up before anything is said or done: of a reading
# that was broken off nothing follows.
full_check() {
    [ "$(folder_state)" = closed ] || fail folder
    time_now
    load_plan
    if [ -n "$p_bad" ]; then
        p_interval=3600 p_jitter=0 p_poll=30
        verdict_is "unreadable 0 none plan"
        return
    fi
    read_facts
    read_ledger
    settle_ledger
    judge
    [ -z "$stopping" ] || return 0
    verdict_is "$j_verdict $j_enforceable $j_stage ${l_bad:-${f_problem:-ok}}"
    c_tell=$j_disable$j_restore
    # That nothing is asked any more is told whenever it is due: once told, it is due no more.
    case $c_is_new/$j_notify in
        ?*/* | /com.android.shell) c_tell=$c_tell$j_notify ;;
    esac
    [ -n "$p_message" ] || c_tell=''
    if [ -z "$l_bad" ]; then
        intend
        act_on_it
    fi
}

# verdict_is TEXT: a line in the spool if it is another than last time.
verdict_is() {
    c_old='' c_is_new=''
    [ ! -f "$folder/verdict" ] || read -r c_old <"$folder/verdict"
    if [ "$c_old" != "$1" ]; then
        c_is_new=1
        spool "verdict $now $1"
        keep verdict "$1
"
    fi
}

# act_on_it: the ledger first, then the actions; a line in the spool for each. Does nothing where nothing is new.
act_on_it() {
    [ "$l_entries$j_restore$j_disable$c_tell" != "$l_read" ] || return 0
    c_ledger=$(ledger_text)
    c_sum=$(say "$c_ledger" | sha256sum)
    c_ledger="$c_ledger
"
    c_answer=$(act "$l_sum" "${c_sum%% *}" "$c_ledger" steps)
    read_ledger
    c_step=0
    for c_spot in $j_restore; do tell_step restore "$c_spot"; done
    for c_spot in $j_disable; do tell_step disable "$c_spot"; done
    case $c_answer in
        *"$nonce refused "*)
            c_answer=${c_answer##*"$nonce refused "}
            spool "refused $now ${c_answer%%[!a-z]*}"
            ;;
    esac
}

# steps: what act carries out once the ledger is safe.
steps() {
    step=0
    for step_spot in $j_restore; do
        spot "$step_spot"
        restore "$step" "$user" "$package" "${step_spot##*/}"
        step=$((step + 1))
    done
    for step_spot in $j_disable; do
        spot "$step_spot"
        disable "$step" "$user" "$package"
        step=$((step + 1))
    done
    case $c_tell/$j_notify in
        ?*/com.android.shell)
            # Where something was to come back and did not, nothing is told.
            c_else=''
            [ -n "$j_restore" ] || c_else=$p_restored
            tell "$step" restored "$c_else" "$p_disabled" "$p_restored"
            ;;
        ?*/?*) tell "$step" remind "$p_remind" "$p_disabled" "$p_remind" ;;
    esac
}

# tell_step KIND SPOT: tells in the spool what became of it: the word of act, and how far the ledger's entry came.
tell_step() {
    c_did=none
    case $c_answer in
        *"$nonce did $c_step "*)
            c_did=${c_answer#*"$nonce did $c_step "}
            c_did=${c_did%%[!a-z]*}
            ;;
    esac
    spot "$2"
    spool "action $now $1 $user $package $c_did ${e_kept:-lost}"
    c_step=$((c_step + 1))
}

# put_back: restores all that the ledger remembers; needs no plan and no time.
put_back() {
    time_now
    plan_is_empty
    read_facts
    read_ledger
    [ -z "$l_bad" ] || fail "ledger $l_bad"
    j_restore='' j_disable='' j_managed='' j_notify='' c_tell=''
    for c_spot in $l_entries; do
        spot "$c_spot"
        [ -z "$e_state" ] || has_vanished || j_restore="$j_restore $user/$package/$prior"
    done
    intend
    act_on_it
}
