"""Observation of a running stack: metrics, events, logging, snapshots, reports on keys."""
