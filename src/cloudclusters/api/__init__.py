"""What people call: contracts, clusters and verbs, blocking."""
