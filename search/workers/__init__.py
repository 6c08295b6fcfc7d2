"""Everything that uses Ray: workers, their pool, the cluster, delivery of features."""
