# shellcheck shell=dash disable=SC2154 # what a function expects is set by whoever composes the exchange
# The frame around everything a phone answers. Runs under mksh with toybox (Android 8 to 16), busybox ash and
# dash. Expects $mark, the random word of this exchange.
#
# echo is used only where no backslash can occur: it is built into the phone's shell, printf costs a process.

# note WORD...: a line of the frame itself.
note() { echo "$mark $*"; }

# section ID CUT COMMAND...: runs COMMAND; lets CUT, a filter, choose the lines that leave the phone; tells the
# exit code. CUT passes on the exit line, so a section without one was interrupted.
section() {
    section_id=$1 section_cut=$2
    shift 2
    note open "$section_id"
    {
        "$@" 2>&1 </dev/null
        section_exit=$?
        echo
        note exit "$section_id" "$section_exit"
    } | "$section_cut"
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
