"""Seeds whose histories have found a planted bug: a hunt tries them first. A change of the engine
makes other histories of them; where none finds the bug any more, the hunt goes on to new seeds.

Several for each bug, the shortest history first, and none of a fine schedule where others will do:
in those every new statement of the engine counts.
By hand: ``python -m tests.model.explore --bugs --blind`` tells for each bug which seed found it.
"""

from __future__ import annotations

FOUND: dict[str, tuple[int, ...]] = {
    "ack_before_commit": (60_001,),
    "acknowledged_without_the_log": (60_050, 60_040),
    "any_server_is_believed": (60_005, 60_193),
    "applied_twice": (60_001,),
    "cache_forgotten_after_through": (60_001,),
    "copy_without_a_deadline": (60_029,),
    "cursor_kept_after_crash": (60_003,),
    "deadline_lost_in_a_flush": (60_012,),
    "deadline_not_logged": (60_011,),
    "distrust_forgotten": (60_029, 60_005),
    "expired_row_is_read": (60_012,),
    "expiry_decided_at_the_flush": (60_064,),
    "fill_outside_the_lock": (60_144,),
    "flight_joined_late": (62_427, 60_722, 60_150),
    "flight_lands_after_the_deadline": (60_592,),
    "freed_key_wakes_no_waiter": (60_013, 60_009),
    "heads_kept_after_uncertain": (65_763, 61_860),
    "interrupted_call_stays_queued": (61_107, 60_168),
    "late_writes_let_be": (60_590, 61_484),
    "leftovers_of_all": (60_003,),
    "mark_left_by_a_write": (60_260, 60_256),
    "no_key_locks": (60_001,),
    "one_generation_for_ever": (60_029, 60_005),
    "pending_not_absorbed": (60_013, 60_002),
    "pending_not_rebuilt": (60_041,),
    "published_before_pending": (61_022,),
    "purge_forgets_the_seq": (60_184,),
    "purge_takes_the_base_of_what_is_pending": (60_064,),
    "purged_as_listed": (60_166,),
    "recovered_though_applied": (61_343, 60_749),
    "row_before_overlay": (61_666,),
    "seq_of_the_log_only": (60_010,),
    "server_taken_for_ours_alone": (60_002,),
    "settled_before_commit": (60_012,),
    "settled_wholesale": (60_012,),
    "timeout_ignored": (60_032,),
    "tombstones_dropped_early": (60_008,),
    "trusted_without_dropping": (60_229,),
    "uncertain_taken_as_failed": (60_047,),
    "version_read_after_the_row": (61_625, 60_660, 60_446),
    "write_confirmed_unanswered": (60_590,),
    "write_without_a_new_version": (60_144, 60_117),
}
