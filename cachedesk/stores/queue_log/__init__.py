"""The write-behind log: a durable queue of persist-queue."""
