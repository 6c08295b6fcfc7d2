"""Everything that speaks to Ray: workers, their pool, the cluster, delivery of features."""
