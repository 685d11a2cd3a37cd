"""What a technician can type: thin commands, by what brings somebody to them."""
