"""Seeds whose histories have found a planted bug: a hunt tries them first. A change of the engine
makes other histories of them; where none finds the bug any more, the hunt goes on to new seeds.

Several for each bug, the shortest history first, and none of a fine schedule where others will do:
in those every new statement of the engine counts.
By hand: ``python -m tests.model.explore --bugs --blind`` tells for each bug which seed found it.
"""

from __future__ import annotations

FOUND: dict[str, tuple[int, ...]] = {
    "ack_before_commit": (60_001, 61_003, 60_003, 61_001),
    "acknowledged_without_the_log": (61_077, 60_166, 60_190, 61_081),
    "trusted_without_dropping": (60_031, 61_051, 60_043, 60_062),
    "any_server_is_believed": (61_130, 61_203, 60_113, 61_308),
    "applied_twice": (61_003, 61_007, 61_008, 60_001),
    "cache_forgotten_after_through": (61_001, 60_003, 60_002, 61_003),
    "cursor_kept_after_crash": (61_007, 60_030, 61_017, 61_019),
    "distrust_forgotten": (60_031, 61_051, 60_043, 60_062),
    "fence_wakes_nobody": (61_169, 61_090, 61_163, 61_182),
    "fill_outside_the_lock": (60_026, 61_208, 61_197, 61_658),
    "flight_joined_late": (60_151, 63_221),
    "heads_kept_after_uncertain": (60_871, 61_529),
    "interrupted_call_stays_queued": (60_015, 61_682, 60_075, 61_078),
    "no_fence": (61_001, 60_011, 61_011, 61_016),
    "pending_not_absorbed": (60_013, 61_009, 61_008, 61_011),
    "pending_not_rebuilt": (61_044, 61_016, 61_009, 60_113),
    "published_before_pending": (61_149, 60_002),
    "recovered_though_applied": (60_436, 61_770, 61_396),
    "row_before_overlay": (60_004, 60_609, 61_552),
    "seq_of_the_log_only": (60_010, 61_013, 60_012, 61_007),
    "settled_before_commit": (61_009, 61_007, 61_044, 61_068),
    "settled_wholesale": (60_028, 60_088, 61_009, 61_003),
    "timeout_ignored": (61_224, 60_062, 61_075, 60_080),
    "tombstones_dropped_early": (60_034, 61_050, 61_022, 60_008),
    "uncertain_taken_as_failed": (61_492, 61_278, 61_276, 61_120),
    "version_read_after_the_row": (60_617, 61_736, 61_197),
    "write_without_a_new_version": (60_051, 61_078, 61_022, 61_254),
}
