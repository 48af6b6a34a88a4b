"""Seeds whose histories have found a planted bug: a hunt tries them first, and goes on to those
that nobody has tried when a change of the engine has made other histories of them.

By hand: ``python -m tests.model.explore --bugs --blind`` tells for each bug which seed found it.
"""

from __future__ import annotations

FOUND: dict[str, tuple[int, ...]] = {
    "ack_before_commit": (60_001, 60_003),
    "acknowledged_without_the_log": (60_166, 60_190),
    "admitted_without_dropping": (60_043, 60_062),
    "any_server_is_believed": (60_113,),
    "applied_twice": (60_005, 60_001),
    "cache_forgotten_after_through": (60_003, 60_002),
    "cursor_kept_after_crash": (60_030,),
    "doubt_forgotten": (60_043, 60_062),
    "fence_wakes_nobody": (60_009,),
    "fill_outside_the_lock": (61_079,),
    "flight_joined_late": (63_221,),
    "heads_kept_after_uncertain": (60_871,),
    "interrupted_call_stays_queued": (60_075,),
    "no_fence": (60_011, 60_005),
    "pending_not_absorbed": (60_013, 60_005),
    "pending_not_rebuilt": (60_130, 60_113),
    "published_before_pending": (60_002,),
    "recovered_though_applied": (60_240,),
    "row_before_overlay": (60_609,),
    "seq_of_the_log_only": (60_010, 60_012),
    "settled_before_commit": (60_040,),
    "settled_wholesale": (60_028, 60_088),
    "timeout_ignored": (60_062, 60_080),
    "tombstones_dropped_early": (60_034, 60_008),
    "uncertain_taken_as_failed": (60_049,),
    "version_read_after_the_row": (60_617,),
    "write_without_a_new_version": (60_012,),
}
