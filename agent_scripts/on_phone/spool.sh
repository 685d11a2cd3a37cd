# shellcheck shell=dash disable=SC2154,SC2034 # what a function expects, and who reads what it sets, is in other files
# What the script saw and did, until a station collects it:
#
#   curfew-spool 1 MARKER BASE BASE_HASH LOST
#   SEQUENCE HASH WORD TIME ...
#
# HASH is the SHA-256 of "HASH_BEFORE SEQUENCE WORD TIME ..."; BASE and BASE_HASH are those of the last line that
# is here no more, LOST counts the lines nobody collected. The last sequence and hash stand in spool.head as well,
# so that a missing end is seen.

# spool WORD...: adds a line.
spool() { with_spool spool_add "$*"; }

# with_spool COMMAND...: runs COMMAND while nobody else writes to the spool.
with_spool() {
    (
        locked 7 40 || exit 1
        spool_open
        "$@"
    ) 7>"$folder/spool.lock"
}

# spool_hash TEXT: sets $s_next to the hash of the line TEXT, "SEQUENCE WORD ...", behind the one of $s_hash.
spool_hash() {
    s_next=$(say "$s_hash $1" | sha256sum)
    s_next=${s_next%% *}
}

# spool_begin BASE BASE_HASH LOST LINES: writes the spool anew.
spool_begin() {
    s_base=$1 s_base_hash=$2 s_lost=$3
    keep spool "curfew-spool 1 $s_marker $s_base $s_base_hash $s_lost
${4:+$4
}"
}

# spool_open: finds the end, s_seq and s_hash, and mends what a kill or somebody else left.
spool_open() {
    s_marker='' h_seq=0 h_hash=0
    read -r s_marker <"$folder/marker"
    [ ! -f "$folder/spool.head" ] || read -r h_seq h_hash <"$folder/spool.head"
    is_number "$h_seq" || h_seq=0
    [ -f "$folder/spool" ] || spool_begin "$h_seq" "$h_hash" "$h_seq"
    spool_walk <"$folder/spool"
    if [ -z "$s_found" ]; then
        mv -f "$folder/spool" "$folder/spool.damaged"
        spool_begin "$h_seq" "$h_hash" "$h_seq"
        s_seq=$h_seq s_hash=$h_hash s_lines=0
        spool_add "damaged 0"
    elif [ -n "$s_extra" ]; then
        s_kept=$(sed "1d;$((s_lines + 2)),\$d" "$folder/spool") || exit 1
        spool_begin "$s_base" "$s_base_hash" "$s_lost" "$s_kept"
    fi
}

# spool_walk: reads the spool from stdin up to the line in spool.head, or the one behind it: a script killed
# between the two writes leaves such a line.
spool_walk() {
    s_found='' s_extra='' s_lines=0 s_last=''
    read -r s_word s_version s_by s_base s_base_hash s_lost || s_word=''
    [ "$s_word/$s_version/$s_by" = "curfew-spool/1/$s_marker" ] && is_number "$s_base" && is_number "$s_lost" || return 0
    s_seq=$s_base s_hash=$s_base_hash
    [ "$h_seq/$h_hash" != "$s_base/$s_base_hash" ] || s_found=1
    [ -f "$folder/spool.head" ] || s_found=1
    while read -r s_n s_h s_text; do
        if [ -z "$s_found" ]; then
            s_seq=$s_n s_hash=$s_h s_lines=$((s_lines + 1))
            [ "$s_n/$s_h" != "$h_seq/$h_hash" ] || s_found=1
        elif [ -z "$s_extra" ] && [ "$s_n" = $((s_seq + 1)) ] && spool_hash "$s_n $s_text" && [ "$s_next" = "$s_h" ]; then
            s_seq=$s_n s_hash=$s_h s_lines=$((s_lines + 1)) h_seq=$s_n
        else
            s_extra=1
        fi
    done
    s_extra=$s_extra$s_n
}

# spool_add TEXT
spool_add() {
    s_seq=$((s_seq + 1))
    spool_hash "$s_seq $1"
    s_hash=$s_next s_lines=$((s_lines + 1))
    say "$s_seq $s_hash $1" >>"$folder/spool"
    to_disk "$folder/spool"
    keep spool.head "$s_seq $s_hash
"
    if [ "$s_lines" -gt "$spool_max" ]; then
        s_drop=$((s_lines - spool_max * 3 / 4))
        spool_forget "$s_drop" "$s_drop"
    fi
}

# spool_forget COUNT LOST: takes the oldest lines away, LOST of which nobody has collected.
spool_forget() {
    s_line=$(sed -n "$(($1 + 1))p" "$folder/spool") || return
    s_kept=$(sed "1,$(($1 + 1))d" "$folder/spool") || return
    s_after=${s_line#* }
    s_lines=$((s_lines - $1))
    spool_begin "${s_line%% *}" "${s_after%% *}" $((s_lost + $2)) "$s_kept"
}

# spool_collected SEQUENCE HASH: forgets what a station has stored, if it is the line it says.
spool_collected() {
    s_count=$(($1 - s_base))
    [ "$s_count" -gt 0 ] && [ "$s_count" -le "$s_lines" ] || return 0
    s_line=$(sed -n "$((s_count + 1))p" "$folder/spool")
    case $s_line in
        "$1 $2 "*) spool_forget "$s_count" 0 ;;
    esac
}

# spool_show: the head and every line.
spool_show() {
    echo "head $s_seq $s_hash"
    sed 's/^/=/' "$folder/spool"
}
