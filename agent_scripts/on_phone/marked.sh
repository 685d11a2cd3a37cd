# shellcheck shell=dash disable=SC2154 # what a function expects is set by whoever composes the exchange
# Asking nothing of a phone that does not carry our mark: nobody agreed to that. Expects $folder.

# if_marked COMMAND...: runs COMMAND on a phone that was provisioned; any other shows that our folder is not there.
if_marked() {
    if [ -f "$folder/phone_id" ]; then
        "$@"
    else
        section folder cut_folder show_folder
    fi
}
