# shellcheck shell=dash disable=SC2154 # what a function expects is set by whoever composes the exchange
# The frame around everything a phone answers. Runs under mksh with toybox (Android 8 to 16), busybox ash and
# dash. Expects $nonce, the random word of this exchange, and $may_name_phone, 1 where a phone
# may be asked of what kind it is.
#
# echo is used only where no backslash can occur: it is built into the phone's shell, printf costs a program.

# say TEXT: prints a line, whatever it holds.
say() {
    case $1 in
        *\\* | -*) printf '%s\n' "$1" ;;
        *) echo "$1" ;;
    esac
}

# note WORD...: a line of the frame itself.
note() { echo "$nonce $*"; }

# section ID CUT COMMAND...: runs COMMAND; lets CUT, a filter, choose the lines that leave the phone; tells the
# exit code. CUT passes on the exit line, so a section without one was interrupted; a CUT that failed is told.
section() {
    section_id=$1 section_cut=$2
    shift 2
    note open "$section_id"
    {
        "$@" 2>&1 </dev/null
        section_exit=$?
        echo
        note exit "$section_id" "$section_exit"
    } | "$section_cut" || filter_failed "$?"
}

# filter_failed CODE: that the section's filter ended so, and once on which phone. Neither goes through a filter, so
# only Android's own words of the phone's kind are told, and only where $may_name_phone.
filter_failed() {
    note filter "$section_id" "$1"
    [ -n "$may_name_phone" ] || return 0
    may_name_phone=''
    note phone "$(harmless ro.build.version.sdk)" "$(harmless ro.build.version.release)" "$(harmless ro.product.model)"
}

# harmless PROPERTY: its value, if it is made of characters that no frame and no page can stumble over; else -.
harmless() {
    harmless_value=$(getprop "$1")
    case $harmless_value in
        '' | *[!\ -~]* | *\\*) harmless_value=- ;;
    esac
    echo "$harmless_value"
}

# framed KIND COMMAND...: all lines numbered from 1 and a last line that says so, so that no lost line and no
# early end goes unnoticed. What commands complain of is inside their sections; the functions themselves say what
# went wrong in notes.
framed() {
    framed_kind=$1
    shift
    {
        note curfew "$framed_kind" 1
        "$@"
        note end
    } 2>/dev/null | numbered
}

# numbered: the lines of stdin with their numbers, each at once: the station waits as long as a phone goes on
# answering, and grep -n may keep its lines back until the end, as busybox's does.
numbered() {
    numbered_line=0
    while IFS= read -r numbered_text || [ -n "$numbered_text" ]; do
        numbered_line=$((numbered_line + 1))
        case $numbered_text in
            *\\*) printf '%s\n' "$numbered_line:$numbered_text" ;;
            *) echo "$numbered_line:$numbered_text" ;;
        esac
    done
}
