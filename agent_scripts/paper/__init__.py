"""What a technician hands out or sticks on: labels, the owner's receipt, the sheet of a batch."""
