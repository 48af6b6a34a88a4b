"""The keys that wait for their next attempt, compared with a plain list of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cachedesk.core.truth import Trouble
from cachedesk.engine.poison.blocked_keys import BlockedKeys

KEYS = [b"a", b"b", b"c", b"d"]
steps = st.lists(
    st.tuples(
        st.sampled_from(["block", "block", "unblock", "decide", "take", "make_all_due", "deliver"]),
        st.sampled_from(KEYS),
        st.integers(0, 20),
    ),
    max_size=40,
)


@given(steps)
def test_what_is_due_and_what_comes_first_are_as_in_a_list(
    script: list[tuple[str, bytes, int]],
) -> None:
    blocked = BlockedKeys()
    due: dict[bytes, float] = {}
    pending = {key: list(range(place, 400, len(KEYS))) for place, key in enumerate(KEYS, 1)}
    through = 8
    now = 10.0

    def first_seq(key: bytes) -> int | None:
        return pending[key][0] if pending[key] else None

    for step, key, number in script:
        if step == "block":
            blocked.block(key, Trouble(pending[key][0], 1, "no"), float(number))
            due[key] = float(number)
        elif step == "unblock":
            blocked.unblock(key)
            due.pop(key, None)
        elif step == "decide":
            del pending[key][: number % 3]
        elif step == "make_all_due":
            blocked.make_all_due()
            due = dict.fromkeys(due, 0.0)
        elif step == "deliver":
            through += number
        else:
            taken = blocked.take_due(now)
            assert (taken is None) == all(at > now for at in due.values())
            if taken is not None:
                assert due[taken] == min(due.values())
                blocked.block(taken, Trouble(pending[taken][0], 2, "no"), now + 1)
                due[taken] = now + 1
        waiting = [seq for each in due if (seq := pending[each][0]) <= through]
        found = blocked.oldest(first_seq, through)
        assert (found.seq if found else None) == min(waiting, default=None)
        due = {each: at for each, at in due.items() if each in blocked}
        assert blocked.next_due_at() == min(due.values(), default=None)
        assert bool(blocked) == bool(due)
