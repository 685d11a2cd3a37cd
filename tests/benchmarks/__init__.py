"""Measures, run by hand through `make bench`, never by pytest; the README's table is the last result.

Everything stays on this computer. Machines are noisy: cases that are compared take turns in one run, figures are
medians of the rounds, and the ratio is what can be carried to another machine.
"""
