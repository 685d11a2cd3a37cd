# shellcheck shell=dash disable=SC2154 # what a function expects is set by whoever composes the exchange
# Our own folder on the phone: who it is (phone_id), since when (marker), what was changed (ledger), and what its owner
# was told last (notice: remind, disabled or restored).
# Expects $folder. Apps may write to files under /data/local/tmp unless a folder is closed to them
# (docs/android/commands.md 13.3), so an open folder is not believed.

# folder_state: prints absent, closed, open, or untold where a program that would tell failed.
folder_state() {
    if [ -L "$folder" ]; then
        echo open
    elif [ ! -e "$folder" ]; then
        echo absent
    elif [ ! -d "$folder" ] || [ ! -O "$folder" ]; then
        echo open
    elif ! state_mode=$(stat -c %a "$folder"); then
        echo untold
    elif [ "$state_mode" = 700 ]; then
        echo closed
    else
        echo open
    fi
}

# sum_of FILE: prints the SHA-256 of a file in our folder, nothing if it is not there, or untold where it cannot be made.
sum_of() {
    [ -f "$folder/$1" ] || return 0
    sum_line=$(sha256sum <"$folder/$1") || sum_line=untold
    echo "${sum_line%% *}"
}

# show_folder: what the phone remembers of us.
show_folder() {
    show_state=$(folder_state)
    echo "folder $show_state"
    [ "$show_state" = closed ] || return 0
    show_value phone_id
    show_value marker
    show_value notice
    show_ledger
}

# show_value NAME: the only line of a small file.
show_value() {
    [ -f "$folder/$1" ] || return 0
    show_line=''
    read -r show_line <"$folder/$1"
    say "$1 $show_line"
}

# show_ledger: the ledger's lines and its sum.
show_ledger() {
    echo "ledger $(sum_of ledger)"
    [ -f "$folder/ledger" ] || return 0
    sed -n '1,2000s/^/=/p' "$folder/ledger"
}

# cut_folder: lets our own folder through as it is, short of lines that we never wrote.
cut_folder() {
    sed -n "/^$nonce exit /p
/^folder [a-z]*\$/p
/^phone_id [0-9a-f-]\{1,40\}\$/p
/^marker [0-9a-f]\{1,64\}\$/p
/^notice [a-z]\{1,20\}\$/p
/^ledger [0-9a-f]*\$/p
/^ledger untold\$/p
/^=[A-Za-z0-9 ._:+-]\{0,200\}[A-Za-z0-9 ._:+-]\{0,200\}\$/p"
}

# keep FILE TEXT: puts TEXT into a file of our folder so that a pulled battery leaves the old or the new one.
keep() {
    printf '%s' "$2" >"$folder/$1.new" &&
        to_disk "$folder/$1.new" &&
        mv -f "$folder/$1.new" "$folder/$1" &&
        to_disk "$folder"
}

# to_disk PATH: waits until a file or folder is stored; Android 8 and 9 lack fsync and store everything.
to_disk() { fsync "$1" 2>/dev/null || sync; }

# seconds_up: sets $seconds_up to the whole seconds since boot; costs no program.
seconds_up() {
    seconds_up=0
    read -r seconds_up </proc/uptime
    seconds_up=${seconds_up%%.*}
}

# locked DESCRIPTOR SECONDS: whether the lock on that open file could be had within the time. mksh closes descriptors
# of its own for what it starts, so they are opened around a subshell: ( locked 9 20 ... ) 9>FILE.
locked() {
    seconds_up
    lock_end=$((seconds_up + $2))
    until flock -n "$1"; do
        seconds_up
        [ "$seconds_up" -lt "$lock_end" ] || return 1
        sleep 1
    done
}

# wait_for_lock: waits up to 40 s, as long as acting takes on a slow phone, until nobody is acting there; reading may
# go on then in any case.
wait_for_lock() {
    [ ! -f "$folder/lock" ] || (locked 9 40) 9<"$folder/lock"
}

# with_lock COMMAND...: runs COMMAND while no other exchange can act.
with_lock() {
    (
        if locked 9 40; then
            "$@"
        else
            note refused busy
        fi
    ) 9>"$folder/lock"
}
