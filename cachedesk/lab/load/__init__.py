"""Load generation: workloads, traces, clients, pace."""
