# shellcheck shell=dash disable=SC2154 # what a function expects is set by whoever composes the exchange
# Which phone is it: a notification with the row that the phone has at the bench. Nothing of ours is read or written.

# show_number NUMBER: under a tag of its own, so that no word of the policy to the owner is replaced by it.
show_number() {
    section number cut_verb cmd notification post -t Curfew curfew-bench "Row $1"
}
