# shellcheck shell=dash disable=SC2154,SC2034 # what a function expects, and who reads what it sets, is in other files
# Asking nothing of a phone that does not carry our marker: nobody agreed to that. Expects $folder.

# if_marked COMMAND...: runs COMMAND on a phone that was provisioned; any other shows that our folder is not there.
if_marked() {
    if [ -f "$folder/phone_id" ]; then
        "$@"
    else
        may_name_phone=''
        section folder cut_folder show_folder
    fi
}
