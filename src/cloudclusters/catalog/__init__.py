"""Which machines exist, what they are made of, where they are sold and for how much."""

from cloudclusters.catalog.catalog import Catalog
from cloudclusters.catalog.frontier import Prices, undercut
from cloudclusters.catalog.matching import Demand, cell_of
from cloudclusters.catalog.rows import (
    NONE,
    Accelerator,
    AcceleratorArchitecture,
    Candidate,
    Content,
    Judged,
    MachineType,
    Microarchitecture,
    Offering,
    Price,
    Processor,
    Region,
)
from cloudclusters.catalog.tallying import Count, Purchase, Tally

__all__ = [
    "NONE",
    "Accelerator",
    "AcceleratorArchitecture",
    "Candidate",
    "Catalog",
    "Content",
    "Count",
    "Demand",
    "Judged",
    "MachineType",
    "Microarchitecture",
    "Offering",
    "Price",
    "Prices",
    "Processor",
    "Purchase",
    "Region",
    "Tally",
    "cell_of",
    "undercut",
]
