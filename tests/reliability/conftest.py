"""Some of the table runs on the simulated EC2."""

from cloudclusters.testing.bed.fixtures import bed, open_bed, pytest_collection_modifyitems, pytest_runtest_protocol

__all__ = ["bed", "open_bed", "pytest_collection_modifyitems", "pytest_runtest_protocol"]
