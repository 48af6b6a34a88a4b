"""What the desk says about the moment of the past that it shows."""

from __future__ import annotations

from cachedesk.desk.views.formats import clock


def past_badge(shown_at: float, newest_at: float, *, brief: bool = False) -> str:
    """Return the badge of a desk that shows the moment ``shown_at``.

    Args:
        shown_at: the moment shown, in seconds since 1970.
        newest_at: the newest moment that is known.
        brief: whether there is little room.
    """
    back = max(0.0, newest_at - shown_at)
    words = f"{back:.1f} s" if back < 60 else f"{int(back // 60)} min {int(back % 60):02} s"
    if brief:
        return f"{clock(shown_at)} · {words} back"
    return f"{clock(shown_at)} · {words} back — End: live"
