"""What happens with a phone at the bench: provision, probe, check, place the script, leave; one phone or many."""
