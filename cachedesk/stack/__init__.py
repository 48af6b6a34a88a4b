"""A running stack: the composition of stores, engine, observation and faults."""
