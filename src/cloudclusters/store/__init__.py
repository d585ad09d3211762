"""What outlives the process: documents, cluster records, leases, the journal and pids, in one SQLite file."""

from cloudclusters.store.documents import StoredResolution
from cloudclusters.store.holder import Holder
from cloudclusters.store.journal import Step
from cloudclusters.store.leases import Lease
from cloudclusters.store.pids import Life
from cloudclusters.store.record import Summary
from cloudclusters.store.store import FILE, Store

__all__ = ["FILE", "Holder", "Lease", "Life", "Step", "Store", "StoredResolution", "Summary"]
