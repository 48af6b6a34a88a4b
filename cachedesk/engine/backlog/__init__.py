"""The backlog: an index of the events in the log that are not applied or not acked yet."""
