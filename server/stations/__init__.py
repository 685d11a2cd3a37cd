"""The technicians' computers: enrolled by a code, known by their key; what they ask for and refuse."""
