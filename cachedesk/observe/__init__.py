"""Observation of a running stack: counts, latencies, events, logs, snapshots, reports on keys."""
