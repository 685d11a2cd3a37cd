# shellcheck shell=dash disable=SC2154 # what a function expects is set by whoever composes the exchange
# Acting on a phone: the only verbs are disable-user, default-state and enable for one package of one user, and a
# notification. Expects $folder and $api, Android's API level.

# act OLD_SUM NEW_SUM LEDGER STEPS: runs STEPS, a function, once the ledger that already holds the intentions
# is safely on the phone. OLD_SUM is the sum of the ledger the station read, empty for none.
act() {
    # The phone finishes what it began even if the cable is pulled: the ledger's last word is worth the wait.
    trap '' HUP PIPE
    if [ "$(folder_state)" != closed ]; then
        note refused folder
        return
    fi
    with_lock act_locked "$@"
}

act_locked() {
    if [ "$(sum_of ledger)" != "$1" ]; then
        note refused changed
    elif ! keep ledger "$3" || [ "$(sum_of ledger)" != "$2" ]; then
        note refused write
    else
        act_marks=''
        act_disabled=''
        act_restored=''
        "$4"
        [ -z "$act_marks" ] || keep ledger "$(sed "$act_marks" "$folder/ledger")
" || note refused marks
    fi
    section folder cut_folder show_folder
}

# look WHEN NUMBER PACKAGE: frames the package's states and leaves them in $seen.
look() {
    pattern "$3"
    seen=$(section "$1:$2" cut_package dumpsys package "$3")
    printf '%s\n' "$seen"
}

# state_in USER SECTION: prints the state of $seen for one user as "INSTALLED ENABLED CALLER", "gone" for a
# package unknown to the phone, or "unreadable" if anything is missing, doubled or not of the known form.
state_in() {
    printf '%s\n' "$seen" | {
        state='' state_here='' state_block='' state_exit='' caller=other
        while read -r word rest; do
            case $word in
                timeout | error) state=unreadable ;;
                unknown) state=${state:+unreadable} state=${state:-gone} ;;
                package) [ -z "$state_block$state" ] || state=unreadable
                    state_block=1 ;;
                other-package) state_block=2 ;;
                user)
                    state_here=''
                    if [ "${rest%% *}" = "$1" ]; then
                        state_here=1
                        [ "$state_block$state" = 1 ] || state=unreadable
                        state=${state:-$(words_of "$rest")}
                    fi
                    ;;
                caller) [ -z "$state_here" ] || caller=$rest ;;
                "$mark") [ "$rest" != "exit $2 0" ] || state_exit=0 ;;
            esac
        done
        case $state_exit$state in
            0gone) echo gone ;;
            0true* | 0false*) echo "$state $caller" ;;
            *) echo unreadable ;;
        esac
    }
}

# words_of "USER installed:… enabled:…": prints "INSTALLED ENABLED", unreadable if one is missing or doubled.
words_of() {
    case $1 in
        *installed:*installed:* | *enabled:*enabled:*) echo unreadable ;;
        *installed:*enabled:*)
            words_installed=${1##*installed:}
            words_enabled=${1##*enabled:}
            echo "${words_installed%% *} ${words_enabled%% *}"
            ;;
        *) echo unreadable ;;
    esac
}

# set_state WORD USER PACKAGE: the one place where Curfew changes anything. Up to Android 8.1 only pm knows these
# verbs (COMMANDS.md 2.1).
set_state() {
    case $1 in
        disable-user | default-state | enable) ;;
        *) return 1 ;;
    esac
    if [ "$api" -lt 28 ]; then
        pm "$1" --user "$2" "$3"
    else
        cmd package "$1" --user "$2" "$3"
    fi
}

# mark_entry STATE USER PACKAGE: notes that the ledger's entry has come that far. Needs $pattern of PACKAGE.
mark_entry() {
    act_marks="$act_marks
s/^\(entry $2 $pattern [01] \)[a-z]* /\1$1 /"
}

# disable NUMBER USER PACKAGE: disables a package that can run; anything else is left alone.
disable() {
    look before "$1" "$3"
    case $(state_in "$2" "before:$1") in
        "true 0 "* | "true 1 "*) ;;
        "true 3 shell")
            mark_entry "done" "$2" "$3"
            act_disabled=1
            note did "$1" already
            return
            ;;
        unreadable)
            note did "$1" unreadable
            return
            ;;
        *)
            mark_entry restored "$2" "$3"
            note did "$1" changed
            return
            ;;
    esac
    section "verb:$1" cut_verb set_state disable-user "$2" "$3"
    look after "$1" "$3"
    case $(state_in "$2" "after:$1") in
        "true 3 "*)
            mark_entry "done" "$2" "$3"
            act_disabled=1
            ;;
        "true 0 "* | "true 1 "*) mark_entry restored "$2" "$3" ;;
    esac
    note did "$1" acted
}

# restore NUMBER USER PACKAGE PRIOR: puts the state PRIOR (0 or 1) back where we had disabled.
restore() {
    look before "$1" "$3"
    case $(state_in "$2" "before:$1") in
        "true 3 shell" | "false 3 shell") ;;
        "true $4 "*)
            mark_entry restored "$2" "$3"
            note did "$1" already
            return
            ;;
        unreadable)
            note did "$1" unreadable
            return
            ;;
        *)
            mark_entry restored "$2" "$3"
            note did "$1" changed
            return
            ;;
    esac
    case $4 in
        0) section "verb:$1" cut_verb set_state default-state "$2" "$3" ;;
        1) section "verb:$1" cut_verb set_state enable "$2" "$3" ;;
    esac
    look after "$1" "$3"
    case $(state_in "$2" "after:$1") in
        *" $4 "*)
            mark_entry restored "$2" "$3"
            act_restored=1
            ;;
    esac
    note did "$1" acted
}

# tell NUMBER REMIND DISABLED RESTORED: one notification, with the text that fits what was done. Android 10 is
# the first whose shell can post one (COMMANDS.md 12.1).
tell() {
    if [ "$api" -lt 29 ]; then
        note did "$1" unoffered
        return
    fi
    tell_text=$2
    [ -z "$act_restored" ] || tell_text=$4
    [ -z "$act_disabled" ] || tell_text=$3
    section "verb:$1" cut_verb cmd notification post -t Curfew curfew "$tell_text"
    note did "$1" acted
}
