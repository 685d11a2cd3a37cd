# shellcheck shell=dash disable=SC2154,SC2034 # what a function expects, and who reads what it sets, is in other files
# What the cut dump of a package means, by the rules of agent_scripts/dialect/packages.py: whatever is doubled, missing
# or of an unknown form makes the package unreadable. Acting and judging on the phone know a package by these words:
#
#   PACKAGE=KIND           user, system (it came with the phone), unknown (to the phone) or unreadable
#   filter                 the filter that its dump goes through failed
#   PACKAGE/USER/INSTALLED,HIDDEN,ARCHIVED,ENABLED,CALLER,AGO       AGO in seconds before $f_clock, or -

# state_of PACKAGE USER: sets $reading to the KIND of that package in $f_words, unasked if it is not among them, and
# $state to what stands behind the user, empty if there is nothing.
state_of() {
    behind "$1=" "$f_words"
    reading=${found:-unasked}
    behind "$1/$2/" "$f_words"
    state=$found
}

# digest ID PACKAGE: makes words of the section ID that read_package prints. With $f_users, a dump has to name each of
# them.
digest() {
    d_package=$2
    d_bad='' d_open='' d_exit='' d_unknown='' d_block='' d_in='' d_copy='' d_copy_users='' d_message='' d_flags=''
    d_below='' d_filter=''
    d_seen=' ' d_off='' d_time='' d_words='' u_number=''
    while read -r word rest; do
        case $word in
            "$nonce")
                case $rest in
                    "open $1") d_open=${d_open:-1} ;;
                    "exit $1 0") d_exit=$d_open ;;
                    "filter $1 "*) d_bad=1 d_filter=filter ;;
                    *) d_bad=1 ;;
                esac
                ;;
            unknown) d_bad=${d_unknown:+1}$d_bad d_unknown=1 ;;
            package)
                digest_user_ends
                d_bad=${d_block:+1}$d_bad d_block=1 d_in=1
                ;;
            other-package)
                digest_user_ends
                d_in=''
                ;;
            hidden) d_bad=${d_below:+1}$d_bad d_below=1 ;;
            hidden-flags) d_bad=1 ;;
            folder) [ -z "$d_block" ] || [ -n "$d_in" ] || d_bad=1 ;;
            hidden-package) d_copy=1 ;;
            hidden-user) d_copy_users=1 ;;
            message) d_message=1 ;;
            flags | pkgFlags) digest_flags "$word" "$rest" ;;
            user)
                [ -n "$d_block" ] || d_bad=1
                digest_user_ends
                [ -z "$d_in" ] || digest_user "$rest"
                ;;
            continued) [ -z "$d_in$u_number" ] || digest_continued "$rest" ;;
            archived) u_archived=true ;;
            caller)
                if [ -n "$u_number" ]; then
                    case $u_caller/$rest in
                        none/shell | none/other) u_caller=$rest ;;
                        *) d_bad=1 ;;
                    esac
                fi
                ;;
            installed) digest_time "$rest" ;;
            *) d_bad=1 ;;
        esac
    done
    digest_user_ends
    digest_answer
}

# digest_flags WORD user|system: before the first user nobody else's text can stand.
digest_flags() {
    if [ -n "$d_in" ] && [ "$d_seen" = ' ' ]; then
        case $d_flags in
            *" $1="*) d_bad=1 ;;
        esac
        d_flags="$d_flags $1=$2"
    fi
}

# digest_user "NUMBER KEY:VALUE...": the line of one user.
digest_user() {
    u_number=${1%% *} u_installed=- u_hidden=- u_suspended=- u_enabled=- u_open='' u_archived=false u_caller=none
    u_time=$d_time u_keys=' '
    is_number "$u_number" || d_bad=1
    case $d_seen in
        *" $u_number "*) d_bad=1 ;;
    esac
    d_seen="$d_seen$u_number "
    for u_word in ${1#"$u_number"}; do
        u_key=${u_word%%:*} u_value=${u_word#*:}
        case $u_keys in
            *" $u_key "*) d_bad=1 ;;
        esac
        u_keys="$u_keys$u_key "
        case $u_word in
            installed:*) u_installed=$u_value ;;
            hidden:*) u_hidden=$u_value ;;
            suspended:*) u_suspended=$u_value ;;
            enabled:*) u_enabled=$u_value ;;
            message:*) d_message=1 ;;
            open:*) d_message=1 u_open=1 ;;
            *) d_bad=1 ;;
        esac
    done
}

# digest_continued ENABLED: the state of a user whose line was broken by somebody's message.
digest_continued() {
    case $u_open/$u_enabled in
        1/-) u_open='' u_enabled=$1 ;;
        *) d_bad=1 ;;
    esac
}

# digest_time TIME: the latest time of installing or updating, of the package or of the last user.
digest_time() {
    seconds_of "$1"
    if [ -n "$d_in" ] && [ -n "$seconds" ]; then
        if [ -n "$u_number" ]; then
            [ "${u_time:-0}" -ge "$seconds" ] || u_time=$seconds
        else
            [ "${d_time:-0}" -ge "$seconds" ] || d_time=$seconds
        fi
    fi
}

# digest_user_ends: the word of the user whose lines are over, if there was one.
digest_user_ends() {
    if [ -n "$u_number" ]; then
        [ -z "$u_open" ] || d_bad=1
        case $u_installed/$u_hidden/$u_suspended/$u_enabled in
            false/*/-) u_hidden=false u_enabled=0 ;;
            true/true/true/[0-4] | true/true/false/[0-4] | true/false/true/[0-4] | true/false/false/[0-4]) ;;
            false/true/true/[0-4] | false/true/false/[0-4] | false/false/true/[0-4] | false/false/false/[0-4]) ;;
            *) d_bad=1 ;;
        esac
        u_ago=-
        case $u_installed/$u_archived/$u_enabled in
            true/true/*) d_bad=1 ;;
            true/*/[234]) d_off=1 ;;
        esac
        case $u_installed/$u_time/$f_clock in
            false/* | */) ;;
            true/?*/?*) u_ago=$((f_clock - u_time)) ;;
        esac
        [ "$u_caller" != none ] || u_caller=other
        d_words="$d_words $d_package/$u_number/$u_installed,$u_hidden,$u_archived,$u_enabled,$u_caller,$u_ago"
    fi
    u_number=''
}

# digest_answer: prints the words, or that the package is unreadable.
digest_answer() {
    d_kind=user
    case $d_copy/$d_flags in
        1/*=user*) d_bad=1 ;;
        *=user*=system* | *=system*=user*) d_bad=1 ;;
        1/* | *=system*) d_kind=system ;;
        /) [ -z "$d_off" ] || d_bad=1 ;;
    esac
    case $d_message$d_copy_users in
        11) d_bad=1 ;;
    esac
    [ -n "$d_exit" ] || d_bad=1
    if [ -n "$d_unknown" ]; then
        [ -z "$d_block" ] && [ "$d_seen" = ' ' ] || d_bad=1
        d_kind=unknown d_words=''
    else
        [ -n "$d_block" ] || d_bad=1
        digest_users_agree || d_bad=1
    fi
    if [ -n "$d_bad" ]; then
        d_kind=unreadable d_words=''
    fi
    say "$d_package=$d_kind$d_words${d_filter:+ $d_filter}"
}

# digest_users_agree: whether the dump names every user of the phone, and no other.
digest_users_agree() {
    [ -n "$f_users" ] || return 0
    for d_user in $f_users; do
        case $d_seen in
            *" $d_user "*) ;;
            *) return 1 ;;
        esac
    done
    for d_user in $d_seen; do
        case $f_users in
            *" $d_user "*) ;;
            *) return 1 ;;
        esac
    done
}
