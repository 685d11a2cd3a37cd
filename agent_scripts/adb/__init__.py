"""How bytes get to a phone and back: addresses, the station's key, and the ways adb has."""
