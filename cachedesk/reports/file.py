"""The file of a report: its suffix determines the format, and nothing is overwritten.

Whether it can be written is checked before a run, which may take an hour.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from cachedesk.console.new_file import reason, why_not_beside, why_not_here
from cachedesk.core.errors import CachedeskError
from cachedesk.reports.document import Document
from cachedesk.reports.markdown import as_markdown


class ReportError(CachedeskError):
    """A report cannot be written; the message names the file and the reason."""


def as_json(document: Document) -> str:
    """Return the facts of ``document`` as one JSON object."""
    origin, finding = document.origin, document.finding
    facts = {
        "report": document.kind,
        "title": document.title,
        "verdict": {"word": finding.word, "tone": finding.tone, "sentences": finding.sentences},
        **document.data,
        "made_at": round(origin.made_at, 3),
        "command": origin.command,
        "seed": origin.seed,
        "versions": origin.versions,
    }
    return msgspec.json.format(msgspec.json.encode(facts, enc_hook=str)).decode() + "\n"


def as_html(document: Document) -> str:
    """Return ``document`` as a page. Jinja2 is imported only if a page is written."""
    from cachedesk.reports import html

    return html.as_html(document)


_FORMS: Mapping[str, Callable[[Document], str]] = {
    ".html": as_html,
    ".md": as_markdown,
    ".json": as_json,
}


def check_report(path: Path) -> None:
    """Check that a report can be written to ``path``; nothing is changed.

    Raises:
        ReportError: its suffix is not a known format, a file exists already, or cannot be created
            there.
    """
    _form(path)
    if complaint := why_not_here(path, "report"):
        raise ReportError(complaint)


def check_outside(path: Path, data: Path) -> None:
    """Check that ``path`` is not in the data directory.

    Raises:
        ReportError: it is.
    """
    if complaint := why_not_beside(path, data, "report"):
        raise ReportError(complaint)


def write_report(path: Path, document: Document) -> None:
    """Write ``document`` to the new file ``path``, in the format of its suffix.

    Raises:
        ReportError: as for ``check_report``; or it cannot be written, then it is removed.
    """
    content = _form(path)(document).encode(errors="backslashreplace")
    check_report(path)
    is_new = not path.exists()
    try:
        path.write_bytes(content)
    except OSError as error:
        if is_new:
            path.unlink(missing_ok=True)
        raise ReportError(f"{path} cannot be written: {reason(error)}") from error


def _form(path: Path) -> Callable[[Document], str]:
    ending = path.suffix.lower()
    if ending not in _FORMS:
        near = difflib.get_close_matches(ending, _FORMS, n=1)
        hint = f"; did you mean {path.stem}{near[0]}?" if near else ""
        raise ReportError(f"{path}: a report ends in {', '.join(_FORMS)}{hint}")
    return _FORMS[ending]
