# shellcheck shell=dash disable=SC2154,SC2034 # what a function expects, and who reads what it sets, is in other files
# What may leave the phone. Each cut_* is a filter from what a command prints to the few words the station
# reads; names of people, of other apps and of other owners stay behind. Only sed and the shell: Android 8 has
# neither awk nor bc. Here is what all filters begin and end with; the filters stand beside what they are for, in
# read.sh, users.sh, owners.sh, package.sh, act.sh, folder.sh and place.sh.
#
# Texts come from docs/android/commands.md 2.2, 2.3 (errors), 3 (users), 5 (packages), 10 (owners), 12.4 (properties).

# No group here may stay unmatched, as in \(x\)\{0,1\}: the sed of Android 8.0 gives up on it (toybox 0.7.3,
# "no s//\1/").

# Every filter begins with these lines: a carriage return that some relay added, the frame's own line, a dump that
# ran out of time, an error cut to its class and the first line of its message. What dumpsys says of a service that
# died is on stderr, so it may come in the middle of a line of the dump; the exit code is 0 all the same.
cut_common="
s/[[:cntrl:]]\$//
t begin
: begin
/^$nonce exit /{
p
d
}
/^\*\*\* SERVICE .* DUMP TIMEOUT/{
s/.*/timeout/p
d
}
/Error w[a-z ]*service [^ ]*[a-z ]*: [^:{}]*\$/{
s/.*Error w/Error w/
t error
}
/while dumping service [^ ]* *: [^:{}]*\$/{
s/.*while dumping service/while dumping service/
t error
}
/[Ii]s the system running?\$/b error
/^No shell command implementation/b error
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
