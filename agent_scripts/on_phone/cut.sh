# shellcheck shell=dash disable=SC2154 # what a function expects is set by whoever composes the exchange
# What may leave the phone. Each cut_* is a filter from what a command prints to the few words the station
# reads; names of people, of other apps and of other owners stay behind. Only sed and the shell: Android 8 has
# neither awk nor bc.
#
# Texts come from COMMANDS.md 2.2, 2.3 (errors), 3 (users), 5 (packages), 10 (owners), 12.4 (properties).

# No group here may stay unmatched, as in \(x\)\{0,1\}: the sed of Android 8.0 gives up on it (toybox 0.7.3,
# "no s//\1/").

# Every filter begins with these lines: a carriage return that some relay added, the frame's own line, a dump that
# ran out of time, an error cut to its class and the first line of its message.
cut_common="
s/[[:cntrl:]]\$//
t begin
: begin
/^$mark exit /{
p
d
}
/^\*\*\* SERVICE .* DUMP TIMEOUT/{
s/.*/timeout/p
d
}
/^Can't find service: /b error
/^cmd: /b error
/^Error: /b error
/^Error dumping service info/b error
/^Permission Denial: /b error
/^Exception occurred while dumping/b error
/^Security exception: /b error
/^[a-z][A-Za-z0-9_.]*\.[A-Za-z0-9_\$]*Exception: /b error
/^[a-z][A-Za-z0-9_.]*\.[A-Za-z0-9_\$]*Exception\$/b error
/^[a-z][A-Za-z0-9_.]*\.[A-Za-z0-9_\$]*Error: /b error
/inaccessible or not found\$/b error
/sh: .*: not found\$/b error
"
cut_error='
b
: error
s/[^ -~]/?/g
s/^\(.\{1,160\}\).*/error \1/p
'

# The same for lists of users: behind an error's first words may stand a person's name that holds a line break,
# so only words of Android's own go through.
cut_error_unnamed="
b
: error
s/^Can't find service: .*/error Can't find service: user/p
t
s/^cmd: Can't find service: .*/error cmd: Can't find service: user/p
t
s/^cmd: .*/error cmd: Failure calling service user/p
t
s/^\([a-z][A-Za-z0-9_.]*\.[A-Za-z0-9_\$]*Exception\)\$/error \1/p
t
s/^\([a-z][A-Za-z0-9_.]*\.[A-Za-z0-9_\$]*Exception\): .*/error \1/p
t
s/^\([a-z][A-Za-z0-9_.]*\.[A-Za-z0-9_\$]*Error\): .*/error \1/p
t
s/.*not found\$/error sh: not found/p
t
s/^\([A-Z][a-z]*\) \([a-z]*\):* .*/error \1 \2/p
t
s/.*/error Error/p
"

# cut_line: the first line of a short answer, if it is made of harmless characters.
cut_line() {
    sed -n "$cut_common
s/^\([A-Za-z0-9:._-]\{1,80\}\)[[:space:]]*\$/line \1/p
$cut_error"
}

# cut_properties: the properties we need out of the whole list.
cut_properties() {
    sed -n "$cut_common
/^\[ro\.product\.manufacturer\]: /b property
/^\[ro\.product\.model\]: /b property
/^\[ro\.product\.device\]: /b property
/^\[ro\.serialno\]: /b property
/^\[ro\.build\.version\.release\]: /b property
/^\[ro\.build\.version\.sdk\]: /b property
/^\[ro\.build\.version\.security_patch\]: /b property
/^\[ro\.boot\.verifiedbootstate\]: /b property
/^\[ro\.curfew\.virtual\]: /b property
b
: property
s/^\[\([a-z._]*\)\]: \[\(.\{0,100\}\)\][[:space:]]*\$/property \1 \2/p
$cut_error"
}

# cut_users: dumpsys user without names. A name may hold colons, braces and line breaks, so a user's line is
# told by its end as well: "header" is whole, "open" ends inside a name, "tail" ends a name.
cut_users() {
    sed -n "$cut_common
s/^[[:blank:]]*UserInfo{\([0-9]\{1,9\}\):.*:\([0-9a-fA-F]\{1,8\}\)} serialNo=[0-9]\{1,9\}\(.*\)\$/header ~\1 ~\2\3/
t tags
s/^[[:blank:]]*UserInfo{\([0-9]\{1,9\}\):.*/open ~\1/
t tags
s/^.*:\([0-9a-fA-F]\{1,8\}\)} serialNo=[0-9]\{1,9\}\(.*\)\$/tail ~\1\2/
t tags
s/^[[:blank:]]*Type: \([a-z.]\{0,60\}usertype\.[a-z]\{1,20\}\.[A-Z_]\{1,40\}\)[[:space:]]*\$/type \1/p
t
s/^[[:blank:]]*Type: .*/type other/p
s/^[[:blank:]]*Has profile owner: \(true\)[[:space:]]*\$/owned \1/p
s/^[[:blank:]]*Has profile owner: \(false\)[[:space:]]*\$/owned \1/p
s/^[[:blank:]]*Restrictions:[[:space:]]*\$/restrictions own/p
s/^[[:blank:]]*Device policy [a-z ]*restrictions:[[:space:]]*\$/restrictions policy/p
s/^[[:blank:]]*Effective restrictions:[[:space:]]*\$/restrictions effective/p
s/^.*estrictions:[[:space:]]*\$/restrictions other/p
s/^[[:blank:]]*no_debugging_features[[:space:]]*\$/no_debugging_features/p
b
: tags
s/ parentId=\([0-9]\{1,9\}\)/ parent~\1/
s/ <partial>/ partial~/
s/ <pre-created>/ pre-created~/
: word
s/ [^ ~]* / /
t word
s/ [^ ~]*\$//
s/ ~/ /g
/^[a-z]* [ 0-9a-fA-Fpartnielcd~-]*\$/p
$cut_error_unnamed"
}

# cut_user_list: pm list users without names.
cut_user_list() {
    sed -n "$cut_common
s/^[[:blank:]]*UserInfo{\([0-9]\{1,9\}\):.*:\([0-9a-fA-F]\{1,8\}\)}\([ a-z()]*\)\$/header \1 \2~\3/
t whole
s/^[[:blank:]]*UserInfo{\([0-9]\{1,9\}\):.*/open \1/
t whole
s/^.*:\([0-9a-fA-F]\{1,8\}\)}\([ a-z()]*\)\$/tail \1~\2/
t whole
b
: whole
s/~ running\$/ running/
s/~ running .*/ running/
s/~.*//
/^[a-z]* [0-9a-fA-F ]*\$/p
/^[a-z]* [0-9a-fA-F ]* running\$/p
$cut_error_unnamed"
}

# cut_owners: dumpsys device_policy; owners are named only if they stand in $owners, personal admins never.
cut_owners() {
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
$cut_error" | cut_foreign_owners
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
            blank) ;;
            name | id | company) [ -z "$owner_open" ] || echo "$owner_word $owner_rest" ;;
            error) printf '%s\n' "$owner_word $owner_rest" ;;
            *) echo "$owner_word${owner_rest:+ $owner_rest}" ;;
        esac
    done
}

# pattern NAME: sets $pattern to a sed expression for exactly that package name.
pattern() {
    pattern='' pattern_rest=$1
    while :; do
        case $pattern_rest in
            *.*)
                pattern="$pattern${pattern_rest%%.*}\\."
                pattern_rest=${pattern_rest#*.}
                ;;
            *)
                pattern=$pattern$pattern_rest
                return
                ;;
        esac
    done
}

# times_of NAME: sets $package_times to what lets an app's times of installing through, if it is one of $dated:
# they are needed of managed apps only.
times_of() {
    package_times=''
    case " $dated " in
        *" $1 "*) package_times='
s/^[[:blank:]]*lastUpdateTime=\([0-9-]\{10\}\) \([0-9:]\{8\}\)[[:space:]]*$/installed \1T\2/p
s/^[[:blank:]]*firstInstallTime=\([0-9-]\{10\}\) \([0-9:]\{8\}\)[[:space:]]*$/installed \1T\2/p' ;;
    esac
}

# cut_package: dumpsys package NAME, for the name in $pattern: the state words per user, whether the app came
# with the phone, and what $package_times asks for. Texts of third parties stand between these lines, such as the
# message of whoever suspended the app or the app's own version name; what could imitate headings is told as well:
# a message, an app below `Hidden system packages:` that did not come with the phone, our app's folder elsewhere.
cut_package() {
    sed -n "$cut_common
s/^[[:blank:]]*Unable to find package: ${pattern}[[:space:]]*\$/unknown/p
t
/^[[:blank:]]*Hidden system packages:[[:space:]]*\$/,\${
s/^[[:blank:]]*Hidden system packages:[[:space:]]*\$/hidden/p
/^[[:blank:]]*[pkg]*[Ff]lags=\[/{
/ SYSTEM /!s/.*/hidden-flags user/p
}
s/^[[:blank:]]*Package \[$pattern\] (.*/hidden-package/p
s/^[[:blank:]]*User \([0-9]\{1,9\}\):.* installed=.*/hidden-user \1/p
b
}
s/^[[:blank:]]*Package \[$pattern\] (.*/package/p
t
s/^[[:blank:]]*Package \[.*\] (.*/other-package/p
t
/^[[:blank:]]*flags=\[/b flags
/^[[:blank:]]*pkgFlags=\[/b flags
/^[[:blank:]]*User [0-9]\{1,9\}:.* installed=/b user
/^[[:blank:]]*suspendingPackage=/b suspender
s/^[[:blank:]]*dataDir=\/.*\/${pattern}[[:space:]]*\$/folder/p
s/^.* stopped=[a-z]* notLaunched=[a-z]* enabled=\([0-9]*\) .*/continued \1/p
s/^[[:blank:]]*archiveTime=.*/archived/p
s/^[[:blank:]]*lastDisabledCaller: shell:[0-9]*[[:space:]]*\$/caller shell/p
s/^[[:blank:]]*lastDisabledCaller: .*/caller other/p
$package_times
b
: flags
s/^[[:blank:]]*\([A-Za-z]*\)=\[.* SYSTEM .*/\1 system/p
s/^[[:blank:]]*\([A-Za-z]*\)=\[.*/\1 user/p
b
: suspender
/ dialogInfo=null[[:space:]]*\$/b
/ dialogInfo=null quarantined=[a-z]*[[:space:]]*\$/b
/ dialogInfo=SuspendDialogInfo: {[ =A-Za-z0-9]*}[[:space:]]*\$/b
/ dialogInfo=SuspendDialogInfo: {[ =A-Za-z0-9]*} quarantined=[a-z]*[[:space:]]*\$/b
s/.*/message/p
b
: user
s/[~[:cntrl:]]//g
s/^ *User \([0-9]*\):/user~\1/
/ stopped=.* stopped=/s/ suspendingPackage=.* stopped=/ message~ stopped=/
s/ suspendingPackage=[^ ]* dialogMessage=null stopped=/ stopped=/
s/ suspendingPackage=[^ ]* dialogInfo=null stopped=/ stopped=/
s/ suspendingPackage=[^ ]* dialogInfo=SuspendDialogInfo: {[ =A-Za-z0-9]*} stopped=/ stopped=/
s/ suspendingPackage=.* stopped=/ message~ stopped=/
s/ dialogMessage=.* stopped=/ message~ stopped=/
s/ dialogInfo=.* stopped=/ message~ stopped=/
s/ suspendingPackage=.*/ open~/
s/ dialogMessage=.*/ open~/
s/ dialogInfo=.*/ open~/
s/ installed=/ installed~/g
s/ hidden=/ hidden~/g
s/ suspended=/ suspended~/g
s/ enabled=/ enabled~/g
: token
s/ [^ ~]* / /
t token
s/ [^ ~]*\$//
s/~/ /
s/~/:/g
p
b
$cut_error"
}

# cut_verb: what a verb of cmd, pm or cmd notification says of itself, without stack frames.
cut_verb() {
    sed -n "/^$mark exit /{
p
d
}
/^[[:blank:]]/d
/^\$/d
s/[^ -~]/?/g
s/^\(.\{1,160\}\).*/said \1/p"
}
