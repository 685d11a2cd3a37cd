# shellcheck shell=dash disable=SC2154,SC2034 # what a function expects, and who reads what it sets, is in other files
# What words may be, and times: made of the shell alone, without starting a process.

# is_number TEXT: a number of up to nine digits without leading zeros, which 32 bits can hold.
is_number() {
    case $1 in
        0) ;;
        '' | *[!0-9]* | 0* | ??????????*) return 1 ;;
    esac
}

# is_time TEXT: seconds since 1970 up to October 2037.
is_time() {
    case $1 in
        1[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]) ;;
        20[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9] | 21[0-3][0-9][0-9][0-9][0-9][0-9][0-9][0-9]) ;;
        *) is_number "$1" ;;
    esac
}

# is_package TEXT: letters, digits, _ and at least one dot inside.
is_package() {
    case $1 in
        *[!A-Za-z0-9_.]* | *. | *..*) return 1 ;;
        [A-Za-z]*.[A-Za-z]*) ;;
        *) return 1 ;;
    esac
}

# is_hex TEXT
is_hex() {
    case $1 in
        '' | *[!0-9a-f]*) return 1 ;;
    esac
}

# behind BEGINNING WORDS: sets $found to the rest of the word that begins so, empty if there is none. Going through the
# words is quicker than one pattern over all of them, which mksh tries at every length.
behind() {
    found=''
    for found_word in $2; do
        case $found_word in
            "$1"*)
                found=${found_word#"$1"}
                return
                ;;
        esac
    done
}

# seconds_of YYYY-MM-DDTHH:MM:SS...: sets $seconds to the seconds since 1970 of that moment, empty if there is none.
seconds_of() {
    seconds=''
    case $1 in
        [12][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]*) ;;
        *) return ;;
    esac
    t_year=${1%%-*} t_rest=${1#*-}
    t_month=${t_rest%%-*} t_rest=${t_rest#*-}
    t_day=${t_rest%%T*} t_rest=${t_rest#*T}
    t_hour=${t_rest%%:*} t_rest=${t_rest#*:}
    t_minute=${t_rest%%:*} t_rest=${t_rest#*:}
    t_second=${t_rest%"${t_rest#??}"}
    # Years begin in March here, so that the leap day is the last.
    t_month=$(((${t_month#0} + 9) % 12)) t_year=$((t_year - t_month / 10))
    t_days=$((365 * t_year + t_year / 4 - t_year / 100 + t_year / 400 + (153 * t_month + 2) / 5 + ${t_day#0} - 719469))
    seconds=$((t_days * 86400 + ${t_hour#0} * 3600 + ${t_minute#0} * 60 + ${t_second#0}))
}

# iso_time SECONDS: sets $iso to that moment in UTC, as the ledger writes it.
iso_time() {
    i_days=$(($1 / 86400 + 719468)) i_left=$(($1 % 86400))
    i_era=$((i_days / 146097)) i_days=$((i_days % 146097))
    i_year=$(((i_days - i_days / 1460 + i_days / 36524 - i_days / 146096) / 365))
    i_days=$((i_days - (365 * i_year + i_year / 4 - i_year / 100)))
    i_month=$(((5 * i_days + 2) / 153))
    i_day=$((i_days - (153 * i_month + 2) / 5 + 1 + 100))
    i_year=$((i_year + i_era * 400 + i_month / 10)) i_month=$(((i_month + 2) % 12 + 1 + 100))
    i_hour=$((i_left / 3600 + 100)) i_minute=$((i_left / 60 % 60 + 100)) i_second=$((i_left % 60 + 100))
    iso="$i_year-${i_month#1}-${i_day#1}T${i_hour#1}:${i_minute#1}:${i_second#1}+00:00"
}
