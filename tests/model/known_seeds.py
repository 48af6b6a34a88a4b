"""Seeds whose histories have found a planted bug: a hunt tries them first. A change of the engine
makes other histories of them; where none finds the bug any more, the hunt goes on to new seeds.

Several for each bug, the shortest history first, and none of a fine schedule where others will do:
in those every new statement of the engine counts.
By hand: ``python -m tests.model.explore --bugs --blind`` tells for each bug which seed found it.
"""

from __future__ import annotations

FOUND: dict[str, tuple[int, ...]] = {
    "ack_before_commit": (60_001,),
    "acknowledged_without_the_log": (60_059, 60_040),
    "any_server_is_believed": (60_166, 60_617),
    "applied_twice": (60_001,),
    "cache_forgotten_after_through": (60_001,),
    "cursor_kept_after_crash": (60_002, 60_010),
    "distrust_forgotten": (60_011,),
    "fill_outside_the_lock": (61_087, 60_877),
    "flight_joined_late": (60_344, 60_240),
    "freed_key_wakes_no_waiter": (60_009,),
    "heads_kept_after_uncertain": (63_762, 61_529),
    "interrupted_call_stays_queued": (61_107, 60_168),
    "late_writes_let_be": (60_080, 61_484),
    "leftovers_of_all": (60_001,),
    "no_key_locks": (60_012,),
    "one_generation_for_ever": (60_011,),
    "pending_not_absorbed": (60_013, 60_002),
    "pending_not_rebuilt": (60_006, 60_069),
    "published_before_pending": (61_000, 60_360),
    "recovered_though_applied": (61_079, 60_436),
    "row_before_overlay": (60_138,),
    "seq_of_the_log_only": (60_005,),
    "server_taken_for_ours_alone": (60_002,),
    "settled_before_commit": (60_001,),
    "settled_wholesale": (60_064, 60_012),
    "timeout_ignored": (60_011, 60_032),
    "tombstones_dropped_early": (60_008,),
    "trusted_without_dropping": (60_062, 60_040),
    "uncertain_taken_as_failed": (60_049,),
    "version_read_after_the_row": (60_419, 60_425),
    "write_confirmed_unanswered": (60_080, 60_668),
    "write_without_a_new_version": (60_016, 60_063),
}
