"""The engine: measures and their uncertainty. NumPy and SciPy in, numbers out; no Django.

One subject a file. Risks of a yes/no outcome are first counted into a
:class:`~usecases.statistics.risks.RiskTable`, from which every measure follows; so the order of
the patients cannot matter, and a measure costs what the number of distinct risks costs.
"""
