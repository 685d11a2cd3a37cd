# shellcheck shell=dash disable=SC2154 # what a function expects is set by whoever composes the exchange
# The users of a phone, by number and kind, without anybody's name (docs/android/commands.md 3).

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
s/^Error w[a-z ]*service .*: \([A-Z_]\{1,40\}\)\$/error Error with service 'user' while dumping: \1/p
t
s/^Error w[a-z ]*service .*/error Error with service 'user' while dumping/p
t
s/^while dumping service .*/error while dumping service user/p
t
s/.*[Ii]s the system running?\$/error is the system running?/p
t
s/^No shell command implementation.*/error No shell command implementation/p
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
