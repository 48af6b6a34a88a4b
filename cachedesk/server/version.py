"""Which version of Redis the server claims to be, for clients that choose commands by it."""

REDIS_VERSION = "7.2.0"
