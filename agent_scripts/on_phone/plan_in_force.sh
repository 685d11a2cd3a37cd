# shellcheck shell=dash disable=SC2154,SC2034 # what a function expects, and who reads what it sets, is in other files
# Which plan is in force: the newest good one that was made for this phone. It stands in two files, plan and plan.kept,
# so that harm to one of them leaves it in force, also after the script was started anew.

# check_plan FILE: reads it; p_bad says what is wrong, none if there is no such file.
check_plan() {
    plan_is_empty
    p_bad=none
    [ ! -f "$folder/$1" ] || read_plan "$folder/$1"
    [ -n "$p_bad" ] || plan_is_ours
}

# plan_is_ours: whether the plan was made for this phone as it was provisioned.
plan_is_ours() {
    read -r plan_phone <"$folder/phone_id" && read -r plan_marker <"$folder/marker" || p_bad=phone
    [ "$plan_phone/$plan_marker" = "$p_phone_id/$p_marker" ] || p_bad=${p_bad:-phone}
}

# plan_is_older BUNDLE FLEET MADE_AT: whether the plan just read is older than one of these numbers.
plan_is_older() {
    [ -n "$1" ] || return 1
    [ "$p_bundle" -eq "$1" ] || { [ "$p_bundle" -lt "$1" ]; return; }
    [ "$p_fleet" -eq "$2" ] || { [ "$p_fleet" -lt "$2" ]; return; }
    [ "$p_made_at" -lt "$3" ]
}

# load_plan: reads the plan in force, after taking over one that the station left as plan.next, if it is good and not
# older. What was taken or refused is told in the spool. p_bad is empty if a plan is in force.
load_plan() {
    check_plan plan
    [ -z "$p_bad" ] || mend_plan
    [ -f "$folder/plan.next" ] || return 0
    plan_had='' plan_had_fleet=$p_fleet plan_had_made=$p_made_at
    [ -n "$p_bad" ] || plan_had=$p_bundle
    check_plan plan.next
    if [ -z "$p_bad" ] && plan_is_older "$plan_had" "$plan_had_fleet" "$plan_had_made"; then
        p_bad=older
    fi
    if [ -z "$p_bad" ]; then
        keep_plan plan.kept plan.next
        mv -f "$folder/plan.next" "$folder/plan"
        rm -f "$folder/plan.refused"
        to_disk "$folder"
        spool "plan $now accepted $p_bundle $p_fleet $p_made_at"
    else
        refuse_plan plan.next
        check_plan plan
    fi
}

# mend_plan: puts the kept plan in the place of one that is damaged or gone.
mend_plan() {
    refuse_plan plan
    check_plan plan.kept
    [ -n "$p_bad" ] || keep_plan plan plan.kept
}

# refuse_plan FILE: puts it aside, and says why in the spool.
refuse_plan() {
    if [ -f "$folder/$1" ]; then
        mv -f "$folder/$1" "$folder/plan.refused"
        spool "plan $now refused $p_bad"
    fi
}

# keep_plan FILE FROM: makes FILE a copy.
keep_plan() {
    keep "$1" "$(cat "$folder/$2")
"
}
