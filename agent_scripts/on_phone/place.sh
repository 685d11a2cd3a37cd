# shellcheck shell=dash disable=SC2154 # what a function expects is set by whoever composes the exchange
# The script that stays on the phone, from the station's side: asking it, putting it there, taking it away. No file
# is run that is not, byte for byte, the one whose SHA-256 the station names. Expects $folder.

# ours_alone: whether our folder is closed and every file in it a plain one that nobody but us may use.
ours_alone() {
    [ "$(folder_state)" = closed ] || return 1
    # The script may rename a file while we look, so that it is gone when its turn comes: then once more.
    alone_modes=$(modes_of_ours) || alone_modes=$(modes_of_ours) || return 1
    for alone_mode in $alone_modes; do
        [ "$alone_mode" = 600 ] || return 1
    done
}

# modes_of_ours: the modes of our files; fails where one is no plain file of ours, or cannot be shown. What the script
# is just writing (keep) gets its name when it is whole.
modes_of_ours() {
    set --
    for alone_file in "$folder"/*; do
        [ -e "$alone_file" ] || [ -L "$alone_file" ] || continue
        [ -f "$alone_file" ] && [ ! -L "$alone_file" ] && [ -O "$alone_file" ] || return 1
        case $alone_file in
            *.new) ;;
            *) set -- "$@" "$alone_file" ;;
        esac
    done
    [ "$#" -eq 0 ] || stat -c %a "$@"
}

# run_script WORD...: the two paths are told because they are where a phone made of software has them.
run_script() {
    CURFEW_UPTIME=/proc/uptime CURFEW_BOOT_ID=/proc/sys/kernel/random/boot_id sh "$folder/curfew.sh" "$@"
}

# show_script SUM SEQUENCE HASH: what is there and, if it is the script of that sum, what it says of itself and its
# record, after it forgot what the station has up to that line. Of another script only the record is shown.
show_script() {
    show_files=open
    ! ours_alone || show_files=closed
    show_sum=$(sum_of curfew.sh)
    echo "files $show_files"
    echo "script $show_sum"
    echo "plan-sum $(sum_of plan)"
    if [ "$show_files/$show_sum" = "closed/$1" ]; then
        run_script collect "$2" "$3"
    elif [ "$(folder_state)" = closed ] && [ -f "$folder/spool" ] && [ -f "$folder/spool.head" ]; then
        sed 's/^/head /' "$folder/spool.head"
        sed -n '1,2000s/^/=/p' "$folder/spool"
    fi
    return 0
}

# cut_script: lets through what the script writes, short of what it never would.
cut_script() {
    sed -n "/^$nonce exit /{
p
d
}
/^=\{0,1\}[a-z0-9][A-Za-z0-9 ._:+-]\{0,150\}[A-Za-z0-9 ._:+-]\{0,150\}\$/p"
}

# read_and_collect SUM SEQUENCE HASH PACKAGE...: the record first, so that the reading is the newer of the two.
read_and_collect() {
    section script cut_script show_script "$1" "$2" "$3"
    shift 3
    read_phone "$@"
}

# put_files SUM PLAN: gives the pushed script its name, if it came whole, and leaves the plan for the script to
# take. A script that runs meanwhile goes on in the file it was started from.
put_files() {
    for put_file in "$folder"/*; do
        if [ -L "$put_file" ] || [ ! -f "$put_file" ]; then rm -rf "$put_file"; fi
    done
    # A push widens modes (docs/android/commands.md 13.3).
    chmod 600 "$folder"/*
    if [ -f "$folder/curfew.sh.pushed" ]; then
        if [ "$(sum_of curfew.sh.pushed)" = "$1" ]; then
            to_disk "$folder/curfew.sh.pushed"
            mv -f "$folder/curfew.sh.pushed" "$folder/curfew.sh"
            to_disk "$folder"
        else
            rm -f "$folder/curfew.sh.pushed"
        fi
    fi
    rm -f "$folder/plan.refused"
    [ -z "$2" ] || keep plan.next "$2" || note refused write
}

# ready SUM PLAN: puts the files in their places; whether the script may be run then.
ready() {
    if [ "$(folder_state)" != closed ]; then
        note refused folder
        return 1
    fi
    with_lock put_files "$1" "$2"
    if ! ours_alone || [ "$(sum_of curfew.sh)" != "$1" ]; then
        note refused script
        return 1
    fi
}

# place SUM PLAN SECONDS: starts the script anew, with the station's time.
place() {
    trap '' HUP PIPE
    ready "$1" "$2" || return
    section start cut_script run_script start "$3"
}

# withdraw SUM SEQUENCE HASH: ends the script, shows the last of its record and removes all that was its own.
withdraw() {
    trap '' HUP PIPE
    ready "$1" '' || return
    section stop cut_script run_script stop
    section script cut_script show_script "$1" "$2" "$3"
    if nobody_watches; then
        with_lock remove_script
    else
        note refused running
    fi
    section left cut_script show_left
}

# nobody_watches: whether the lock that a watching script holds can be had, whatever is noted of its process.
nobody_watches() { (locked 8 30) 8>"$folder/watch.lock"; }

# remove_script: what stays is who the phone is, what was changed on it, and what its owner was told.
remove_script() {
    for gone_file in "$folder"/* "$folder"/.[!.]*; do
        case ${gone_file##*/} in
            phone_id | marker | ledger | notice | lock) ;;
            *) rm -rf "$gone_file" ;;
        esac
    done
}

# leave LEDGER_SUM: removes our folder once the script is withdrawn, if the ledger is still the one that the station
# knows to be settled.
leave() {
    trap '' HUP PIPE
    if [ "$(folder_state)" != closed ]; then
        note refused folder
    elif [ -e "$folder/curfew.sh" ]; then
        note refused running
    else
        with_lock remove_folder "$1"
    fi
    section left cut_script show_left
}

remove_folder() {
    if [ "$(sum_of ledger)" = "$1" ]; then
        rm -rf "$folder"
        to_disk "${folder%/*}"
    else
        note refused changed
    fi
}

# show_left: the names of what is still there, of our folder and in it.
show_left() {
    echo "folder $(folder_state)"
    for left_file in "$folder"* "$folder"/* "$folder"/.[!.]*; do
        [ ! -e "$left_file" ] || echo "left ${left_file##*/}"
    done
}
