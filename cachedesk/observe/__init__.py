"""What is told of a running stack: counts, latencies, events, snapshots, reports on keys."""
