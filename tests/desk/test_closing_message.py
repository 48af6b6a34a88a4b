"""What is said on leaving, and where pictures and recordings go."""

from __future__ import annotations

from pathlib import Path

from cachedesk.console.new_file import why_not_beside
from cachedesk.core.snapshot import Books
from cachedesk.desk.saved_files import next_free
from cachedesk.desk.views.closing_message import closing_message


def said(books: Books, *saved: Path) -> list[str]:
    return list(closing_message(1_563.0, books, Path("/data"), saved))


def test_a_user_who_leaves_knows_what_is_safe():
    assert said(Books(60_723, 60_709, 14, 0)) == [
        "26 min 03 s, 60,723 writes accepted, none lost; 14 events are pending in the log, to be"
        " applied at the next start. The data is in /data."
    ]
    assert said(Books(1, 1)) == ["26 min 03 s, 1 write accepted, none lost. The data is in /data."]


def test_what_is_lost_and_what_is_dead_is_said():
    (sentence,) = said(Books(10, 6, 0, 1))
    assert "3 LOST" in sentence
    assert 'dead letter: "cachedesk dead list" shows them' in sentence


def test_what_was_saved_is_listed_if_it_is_there(tmp_path):
    picture, refused = tmp_path / "desk-001.svg", tmp_path / "desk-001.rec"
    picture.touch()
    assert said(Books(), picture, refused)[1:] == [f"saved {picture}"]


def test_names_are_short_and_never_taken_twice(tmp_path):
    for number in (1, 2):
        path = next_free(tmp_path, "rec")
        assert path == tmp_path / "recordings" / f"desk-{number:03}.rec"
        path.touch()
    assert next_free(tmp_path, "svg") == tmp_path / "pictures" / "desk-001.svg"
    (tmp_path / "recordings" / "desk-old.rec").touch()
    assert next_free(tmp_path, "rec").name == "desk-003.rec"


def test_only_these_folders_of_a_data_directory_take_files_of_a_user(tmp_path):
    assert why_not_beside(next_free(tmp_path, "rec"), tmp_path, "record") == ""
    for inside in ("x.rec", "log/x.rec", "recordings/../x.rec", "recordings/deep/x.rec"):
        assert "is inside the data directory" in why_not_beside(
            tmp_path / inside, tmp_path, "record"
        )
