"""Inputs that nobody thought of: properties with hypothesis in every run, and a run guided by coverage.

The second needs atheris and is started by hand: ``make fuzz``.
"""
