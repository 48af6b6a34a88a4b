"""The calls of the cache layer, by topic: each file has those of one topic, as a base class."""
