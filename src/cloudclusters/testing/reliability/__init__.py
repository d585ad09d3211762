"""The first promise, tried: kill the driver at every point, order every fault, and see what the next command leaves.

`python -m cloudclusters.testing.reliability` tries all of it and writes the table; the tests try a sample.
"""
