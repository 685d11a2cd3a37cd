"""Who is believed: keys, roles, signing, verifying. No Flask, no ADB, no database."""
