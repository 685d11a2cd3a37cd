# shellcheck shell=dash disable=SC2154,SC2034 # what a function expects, and who reads what it sets, is in other files
# The phone's ledger, the same file that the station reads and writes (agent_scripts/exchange/phone_ledger.py).

# read_ledger: sets l_sum, l_marker and l_entries, " USER/PACKAGE/PRIOR/STATE/BUNDLE/AT/ROUNDS ...", with l_read as it
# is on disk; l_bad for a ledger that cannot be believed.
read_ledger() {
    l_sum=$(sum_of ledger) l_entries=' ' l_bad='' l_count=0 l_ended=''
    read -r l_marker <"$folder/marker" || l_bad=marker
    [ "$l_sum" != untold ] || l_bad=sum
    [ -f "$folder/ledger" ] || l_bad=missing
    [ -n "$l_bad" ] || ledger_lines <"$folder/ledger"
    [ -n "$l_ended" ] || l_bad=${l_bad:-cut}
    l_read=$l_entries
}

ledger_lines() {
    read -r l_word l_version l_by || l_word=''
    [ "$l_word/$l_version/$l_by" = "curfew-ledger/1/$l_marker" ] || l_bad="head"
    while read -r l_word l_user l_package l_prior l_state l_bundle l_at l_rounds; do
        [ -z "$l_ended" ] || l_bad=end
        case $l_word in
            entry) ledger_entry ;;
            end)
                [ "$l_user" = "$l_count" ] || l_bad=end
                l_ended=1
                ;;
            *) l_bad=line ;;
        esac
    done
}

ledger_entry() {
    seconds_of "$l_at"
    case $l_prior/$l_state/$seconds in
        [01]/intended/?* | [01]/done/?* | [01]/restoring/?* | [01]/restored/?* | [01]/gone/?*) ;;
        *) l_bad=entry ;;
    esac
    is_number "$l_user" && is_package "$l_package" && is_number "$l_bundle" && is_number "$l_rounds" || l_bad=entry
    case $l_entries in
        *" $l_user/$l_package/"*) l_bad=twice ;;
    esac
    l_count=$((l_count + 1))
    l_entries="$l_entries$l_user/$l_package/$l_prior/$l_state/$l_bundle/$l_at/$l_rounds "
}

# put_entry STATE: the entry of the spot that was looked up, in place of the one there.
put_entry() {
    case $l_entries in
        *" $user/$package/"*)
            put_rest=${l_entries#*" $user/$package/"}
            l_entries="${l_entries%%" $user/$package/"*} ${put_rest#* }"
            ;;
    esac
    l_entries="$l_entries$user/$package/$prior/$1/$e_bundle/$e_at/$e_rounds "
}

# settle_ledger: what the phone is decides steps that were interrupted (agent_scripts/ledgers/steps.py).
settle_ledger() {
    for l_spot in $l_entries; do
        spot "$l_spot"
        case $e_state/$state in
            intended/*,*,*,3,shell,* | restoring/*,*,*,3,shell,*) put_entry "done" ;;
            restoring/*,*,*,"$prior",*) put_entry restored ;;
        esac
    done
}

# intend: the ledger as it must be on disk before anything is done.
intend() {
    iso_time "$now"
    for l_spot in $l_entries; do
        spot "$l_spot"
        [ -z "$e_state" ] || ! has_vanished || put_entry gone
    done
    for l_spot in $j_managed; do
        spot "$l_spot"
        if is_given_up; then
            next_round
            put_entry "$e_state"
        fi
    done
    for l_spot in $j_disable; do
        spot "$l_spot"
        next_round
        e_bundle=$p_bundle e_at=$iso
        put_entry intended
    done
    for l_spot in $j_restore; do
        spot "$l_spot"
        e_at=$iso
        put_entry restoring
    done
}

# next_round: sets $e_rounds of an app that is about to be disabled again, or given up.
next_round() {
    undo_of
    if [ -z "$e_state" ] || [ "$e_bundle" -lt "$p_bundle" ]; then
        e_rounds=1
    elif [ "$undo" = somebody ] && [ "$e_rounds" -le "$rounds_limit" ]; then
        e_rounds=$((e_rounds + 1))
    fi
}

# ledger_text: prints l_entries in the form of the ledger.
ledger_text() {
    echo "curfew-ledger 1 $l_marker"
    l_count=0
    for l_spot in $l_entries; do
        spot "$l_spot"
        echo "entry $user $package $e_prior $e_kept $e_bundle $e_at $e_rounds"
        l_count=$((l_count + 1))
    done
    echo "end $l_count"
}
