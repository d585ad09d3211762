"""The only floor where leaves meet: one file per verb, five beats each.

Take the lease; write the intention; act in steps that may be repeated; look until it is so; write the outcome.
"""
