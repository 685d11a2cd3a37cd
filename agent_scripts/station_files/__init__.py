"""What the station keeps on its own disk: who it is, what it did, what it knows of time, what waits to be sent."""
