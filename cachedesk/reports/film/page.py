"""The page of a film: one file with its data, its style and its script, and nothing from elsewhere.

The policy in its head allows the one style and the scripts in it, by their hashes, and no request
at all. Texts of the recording are data: the script shows them as text, never as markup.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cachedesk.console.new_file import write_new
from cachedesk.reports.file import ReportError
from cachedesk.reports.style import film_style
from cachedesk.reports.words import visible

VERB = "write the film"
"""What is done to a new file, for messages."""

_FOLDER = Path(__file__).parent
_SCRIPTS = ("data.js", "dom.js", "flow.js", "charts.js", "lists.js", "player.js")
_ESCAPES = str.maketrans(
    {each: f"\\u{ord(each):04x}" for each in "<>&\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}"}
)


def film_page(data: Mapping[str, Any]) -> str:
    """Return the page that plays ``data``, which ``film_data`` returned."""
    page = Environment(
        loader=FileSystemLoader(_FOLDER.parent),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    style, early = film_style(), _text("look.js")
    # One function around all of them keeps their names apart from the browser's own.
    script = f"(() => {{\n{''.join(map(_text, _SCRIPTS))}}})();\n"
    started = time.localtime(data["started_at"])
    return page.get_template("film.html.jinja").render(
        film=data,
        data=Markup(script_json(data)),
        seconds=round(sum(data["at"]) / 1_000),
        started=f"{started.tm_mday} {time.strftime('%B %Y, %H:%M', started)}",
        style=Markup(style),
        early=Markup(early),
        script=Markup(script),
        policy="; ".join(
            (
                "default-src 'none'",
                f"script-src {_hash(early)} {_hash(script)}",
                f"style-src {_hash(style)}",
                "img-src data:",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
    )


def write_film(path: Path, data: Mapping[str, Any]) -> int:
    """Write the page that plays ``data`` to the new file ``path``; return how many bytes it has.

    Raises:
        ReportError: there is something already, or it cannot be written; nothing of it is left.
    """
    content = film_page(data).encode()
    if complaint := write_new(path, content, VERB):
        raise ReportError(complaint)
    return len(content)


def script_json(value: object) -> str:
    """Return ``value`` as JSON that may stand inside a ``script`` element: no character of it can
    end the element or begin a comment."""
    return msgspec.json.encode(value).decode().translate(_ESCAPES)


def _text(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
