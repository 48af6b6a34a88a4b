"""The cache: an embedded Redis server, supervised, and trusted only while it is admitted."""
