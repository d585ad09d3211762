"""What the package costs, against budgets: `python -m benchmarks`, or `make bench`."""
