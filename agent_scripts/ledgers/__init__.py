"""What is remembered of each app that was switched off, by phone, station and server: recalled, reconciled, kept.

    recalled      the three ledgers and what waits for a person, as they were found
    reconciled    one ledger to judge on, what contradicts, and what each memory is to keep
    steps         how a ledger moves on: settled by what the phone shows, planned before acting
    unconfirmed   entries that the server alone remembers
    pending       those of them that wait for a person's decision, on the station's disk
    lost          what may still be done where a ledger is gone
    kept          the station's own ledger, on its disk

Why there are three: docs/decisions/0005-three-ledgers.md.
"""
