"""The schema as a chain of changes; a released one is never edited.

``versions/m0001_*.py`` makes the tables of stations, phones, reports and publications; ``versions/m0002_*.py``
those of people, their tokens and the audit chain; ``versions/m0003_*.py`` adds probes to phones,
``versions/m0004_*.py`` marks reports of phones that watch themselves. Revision ids are the four digits.
"""
