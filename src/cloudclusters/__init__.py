"""cloudclusters."""
