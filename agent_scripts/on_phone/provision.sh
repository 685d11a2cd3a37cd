# shellcheck shell=dash disable=SC2154 # what a function expects is set by whoever composes the exchange
# Provisioning: one folder that no app can write to, the phone's id and the random marker.

# provision PHONE_ID MARKER EMPTY_LEDGER: an existing marker and ledger stay as they are. Debugging is told as it was
# found, so that the phone can be handed back like that.
provision() {
    [ "$(folder_state)" != absent ] || mkdir -m 700 "$folder"
    if [ "$(folder_state)" = closed ]; then
        with_lock write_provision "$@"
    fi
    show_debugging
    section folder cut_folder show_folder
}

# write_provision PHONE_ID MARKER EMPTY_LEDGER: the id comes last; without it the phone is not provisioned. An
# empty ledger is written only with a new marker: where a ledger was lost, other memories must be asked.
write_provision() {
    if [ ! -f "$folder/marker" ]; then
        [ -f "$folder/ledger" ] || keep ledger "$3" || note refused write
        keep marker "$2
" || note refused write
    fi
    keep phone_id "$1
" || note refused write
}
