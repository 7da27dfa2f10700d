"""The words that people read, in one place: ``words.json``.

Its part ``common`` is for the templates and the page's script, ``script`` for the script, and
``page`` for the templates alone. A translation is another such file.
"""

import json
import re
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`]*)`")
_PARTS: dict[str, dict[str, str]] = json.loads(
    Path(__file__).with_name("words.json").read_text(encoding="utf-8")
)
_WORDS = _PARTS["common"] | _PARTS["page"]


def words(key: str, **values: Any) -> str:
    """The words for a key, with the values in their places.

    >>> words("coverage", known=3, total=4)
    '3 of 4 checks'
    """
    return _WORDS[key].format_map(values)


def marked(key: str, **values: Any) -> Markup:
    """The words as HTML: what stands between ``` ` ``` is code; values are escaped."""
    text = _CODE.sub(r"<code>\1</code>", str(escape(_WORDS[key])))
    return Markup(text.format_map({name: escape(value) for name, value in values.items()}))


def for_script() -> str:
    """What the script needs, as JSON for the page."""
    return json.dumps(_PARTS["common"] | _PARTS["script"], separators=(",", ":"))
