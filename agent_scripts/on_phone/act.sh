# shellcheck shell=dash disable=SC2154,SC2034 # what a function expects, and who reads what it sets, is in other files
# Acting on a phone: the only verbs are disable-user, default-state and enable for one package of one user, and a
# notification. A package is read by package.sh and digest.sh, here as when judging. Expects $folder and $api, Android's
# API level.

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
        [ -z "$act_marks" ] || keep_marks || note refused marks
    fi
    section folder cut_folder show_folder
}

# keep_marks: what was done, into the ledger. A sed that fails must not leave an empty one.
keep_marks() {
    act_ledger=$(sed "$act_marks" "$folder/ledger") &&
        keep ledger "$act_ledger
"
}

# look WHEN NUMBER PACKAGE USER: shows the package's states and sets $reading and $state.
look() {
    look_seen=$(read_package "$1:$2" "$3")
    say "$look_seen"
    f_words=" $(say "$look_seen" | digest "$1:$2" "$3")"
    state_of "$3" "$4"
}

# set_state WORD USER PACKAGE: the one place where Curfew changes anything. Up to Android 8.1 only pm knows these
# verbs (docs/android/commands.md 2.1).
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

# mark_entry STATE USER PACKAGE: notes that the ledger's entry has come that far.
mark_entry() {
    pattern "$3"
    act_marks="$act_marks
s/^\(entry $2 $pattern [01] \)[a-z]* /\1$1 /"
}

# disable NUMBER USER PACKAGE: disables a package that can run; anything else is left alone.
disable() {
    look before "$1" "$3" "$2"
    act_did=acted
    case $reading/$state in
        */true,*,*,[01],*)
            section "verb:$1" cut_verb set_state disable-user "$2" "$3"
            look after "$1" "$3" "$2"
            ;;
        */true,*,*,3,shell,*) act_did=already ;;
        unknown/ | */?*) act_did=changed ;;
        *) act_did=unreadable ;;
    esac
    case $act_did/$state in
        already/* | acted/true,*,*,3,*)
            mark_entry "done" "$2" "$3"
            act_disabled=1
            ;;
        changed/* | acted/true,*,*,[01],*) mark_entry restored "$2" "$3" ;;
    esac
    note did "$1" "$act_did"
}

# restore NUMBER USER PACKAGE PRIOR: puts the state PRIOR (0 or 1) back where we had disabled.
restore() {
    look before "$1" "$3" "$2"
    act_did=acted
    case $reading/$state in
        */*,*,*,3,shell,*)
            case $4 in
                0) section "verb:$1" cut_verb set_state default-state "$2" "$3" ;;
                1) section "verb:$1" cut_verb set_state enable "$2" "$3" ;;
            esac
            look after "$1" "$3" "$2"
            ;;
        */true,*,*,"$4",*) act_did=already ;;
        unknown/ | */?*) act_did=changed ;;
        *) act_did=unreadable ;;
    esac
    case $act_did/$state in
        acted/*,*,*,"$4",* | already/*)
            mark_entry restored "$2" "$3"
            act_restored=1
            ;;
        changed/*) mark_entry restored "$2" "$3" ;;
    esac
    note did "$1" "$act_did"
}

# tell NUMBER KIND ELSE DISABLED BACK: one notification, with the text that fits what was done: something was disabled,
# something is back, or neither; an empty text tells nothing. KIND is remind or restored, what ELSE and BACK say. What the
# phone took is remembered in our folder, so that it can be replaced once it holds no more. Android 10 is the first
# whose shell can post one (docs/android/commands.md 12.1).
tell() {
    if [ "$api" -lt 29 ]; then
        note did "$1" unoffered
        return
    fi
    tell_kind=$2 tell_text=$3
    [ -z "$act_restored" ] || tell_text=$5
    [ -z "$act_disabled" ] || tell_kind=disabled tell_text=$4
    if [ -z "$tell_text" ]; then
        note did "$1" untold
        return
    fi
    tell_seen=$(section "verb:$1" cut_verb cmd notification post -t Curfew curfew "$tell_text")
    say "$tell_seen"
    case $tell_seen in
        *'said posting:'*)
            keep notice "$tell_kind
"
            ;;
    esac
    note did "$1" acted
}

# cut_verb: what a verb of cmd, pm or cmd notification says of itself, without stack frames.
cut_verb() {
    sed -n "/^$nonce exit /{
p
d
}
/^[[:blank:]]/d
/^\$/d
s/[^ -~]/?/g
s/^\(.\{1,160\}\).*/said \1/p"
}
