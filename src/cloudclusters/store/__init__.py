"""What outlives the process: documents, cluster records, the ledger, leases, the journal and pids, in one file."""

from cloudclusters.store.booking import Entry, Kind
from cloudclusters.store.documents import StoredResolution
from cloudclusters.store.holder import Holder
from cloudclusters.store.journal import Step
from cloudclusters.store.leases import Lease
from cloudclusters.store.pids import Life
from cloudclusters.store.record import Spent, Summary
from cloudclusters.store.store import FILE, Store

__all__ = ["FILE", "Entry", "Holder", "Kind", "Lease", "Life", "Spent", "Step", "Store", "StoredResolution", "Summary"]
