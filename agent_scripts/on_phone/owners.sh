# shellcheck shell=dash disable=SC2154 # what a function expects is set by whoever composes the exchange
# Who owns profiles and the phone, of the owners that may be named (docs/android/commands.md 10). Expects $owners.

# read_owners: where the dump does not end as we know it (docs/android/commands.md 10.5: not verified on 15, 16),
# the counted list of owners, which Android has from 12 on, tells whether all of them are there.
read_owners() {
    owners_seen=$(section owners cut_owners dumpsys device_policy)
    say "$owners_seen"
    case $owners_seen in
        *"
admins"*) ;;
        *) section owner-list cut_owner_list cmd device_policy list-owners ;;
    esac
}

# cut_owners: dumpsys device_policy; owners are named only if they stand in $owners, personal admins never.
cut_owners() {
    {
        sed -n "$cut_common
s/^[[:blank:]]*Device Owner:[[:space:]]*\$/device/p
s/^[[:blank:]]*Device Owner (User \([0-9]\{1,9\}\)):[[:space:]]*\$/device \1/p
s/^[[:blank:]]*Profile Owner (User \([0-9]\{1,9\}\)):[[:space:]]*\$/profile \1/p
s/^[[:blank:]]*admin=ComponentInfo{\([A-Za-z0-9._]\{1,250\}\)\/.*/name \1/p
s/^[[:blank:]]*package=\([A-Za-z0-9._]\{1,250\}\)[[:space:]]*\$/name \1/p
s/^[[:blank:]]*User ID: \([0-9]\{1,9\}\)[[:space:]]*\$/id \1/p
s/^[[:blank:]]*isOrganizationOwnedDevice=\(true\)[[:space:]]*\$/company \1/p
s/^[[:blank:]]*isOrganizationOwnedDevice=\(false\)[[:space:]]*\$/company \1/p
s/^[[:blank:]]*Enabled Device Admins (User .*/admins/p
s/^[[:space:]]*\$/blank/p
b
$cut_error" || {
            cut_code=$?
            echo
            filter_failed "$cut_code"
        }
    } | cut_foreign_owners
}

# cut_owner_list: dpm list-owners, as a count and the users of owners; no names.
cut_owner_list() {
    sed -n "$cut_common
s/^[[:blank:]]*no owners[[:space:]]*\$/count 0/p
s/^[[:blank:]]*\([0-9]\{1,4\}\) owners*:[[:space:]]*\$/count \1/p
/^[[:blank:]]*User *[0-9]\{1,9\}: admin=/{
/,DeviceOwner/s/^[[:blank:]]*User *\([0-9]\{1,9\}\): .*/device \1/
/,ProfileOwner/s/^[[:blank:]]*User *\([0-9]\{1,9\}\): .*/profile \1/
s/^[[:blank:]]*User .*/another/
p
}
b
$cut_error"
}

# cut_foreign_owners: keeps what stands directly under an owner's heading, and replaces foreign names.
cut_foreign_owners() {
    owner_open=''
    while read -r owner_word owner_rest; do
        case $owner_word in
            device | profile) owner_open=1 ;;
            blank | admins) owner_open='' ;;
            name)
                case " $owners " in
                    *" $owner_rest "*) ;;
                    *) owner_rest=- ;;
                esac
                ;;
        esac
        case $owner_word in
            blank | '') ;;
            name | id | company) [ -z "$owner_open" ] || echo "$owner_word $owner_rest" ;;
            error) say "$owner_word $owner_rest" ;;
            *) echo "$owner_word${owner_rest:+ $owner_rest}" ;;
        esac
    done
}
