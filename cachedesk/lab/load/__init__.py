"""What drives a stack: workloads, traces, clients, pace."""
