"""What each fault did, in the past tense, for what is said after its end."""

from __future__ import annotations

ONCE = {
    "redis.kill": ("Redis", "was killed"),
    "redis.old_snapshot": ("Redis", "was started with an old snapshot"),
    "redis.empty": ("Redis", "was emptied"),
    "worker.crash": ("the worker", "crashed"),
    "log.poison": ("a poison event", "was sent"),
}
"""What a fault that lasts for no time did, by its name: subject and verb."""

LASTING = {
    "redis.down": ("Redis", "was held down"),
    "redis.hang": ("Redis", "hung"),
    "redis.squeeze": ("Redis", "had too little memory"),
    "database.lock": ("the database", "was locked"),
    "database.full": ("the database", "had no room on its disk"),
    "database.readonly": ("the database", "was read-only"),
    "database.slow": ("the database", "was slow"),
    "database.gone": ("the database", "was gone"),
    "log.full": ("the log", "had no room on its disk"),
}
"""What a lasting fault was, by its name: subject and verb."""
