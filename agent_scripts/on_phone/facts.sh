# shellcheck shell=dash disable=SC2154,SC2034 # what a function expects, and who reads what it sets, is in other files
# What the phone shows now of the packages in its plan, as words for the judge. Reads only package dumps, where no
# name of a person can stand: the shell's own app is in every user, so its dump tells the user numbers.
#
#   f_problem   why nothing can be relied on, or empty
#   f_users     " 0 10 ", the users there are now; empty with a f_problem
#   f_words     " WORD ... ", what digest made of the dumps
#   f_clock     the phone's own clock in its own zone, in which dumps print times
#   f_told      the notice that the owner saw last: remind, disabled, restored, or empty

# read_facts: asks for users and for every package of the plan; incomplete if the script was told to stop meanwhile.
read_facts() {
    f_problem='' f_users='' f_words=' ' f_told=''
    [ ! -f "$folder/notice" ] || read -r f_told <"$folder/notice"
    seconds_of "$(date +%Y-%m-%dT%H:%M:%S)"
    f_clock=$seconds dated=''
    facts_about com.android.shell
    facts_users
    for fact_app in $p_managed; do dated="$dated ${fact_app%%:*}"; done
    for fact_package in $p_banned $dated; do
        [ -n "$f_problem$stopping" ] || facts_about "$fact_package"
    done
}

# facts_about PACKAGE: adds what its dump says.
facts_about() {
    f_words="$f_words$(read_package "package:$1" "$1" | digest "package:$1" "$1") "
    case $f_words in
        *" filter ") f_problem=filter f_users='' ;;
    esac
}

# facts_users: the users of the shell's own app are the users of the phone.
facts_users() {
    for fact_word in $f_words; do
        case $fact_word in
            */*)
                fact_word=${fact_word#*/}
                f_users="$f_users ${fact_word%%/*}"
                ;;
        esac
    done
    f_users="$f_users "
    behind com.android.shell= "$f_words"
    case $found in
        user | system) ;;
        *) f_problem=${f_problem:-users} f_users='' ;;
    esac
}
