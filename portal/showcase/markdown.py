"""Texts that people write in Markdown, as HTML that can hold no more than a short list allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import nh3
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

TAGS = {
    *("p", "br", "hr", "h2", "h3", "h4"),
    *("strong", "em", "code", "pre", "blockquote"),
    *("ul", "ol", "li", "a"),
}
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto"}
"""Links lead to pages and mailboxes, here or elsewhere; no script, no data."""
LAST_HEADING = 4


def rendered(text: str) -> SafeString:
    """``text`` as HTML. Its headings stand below the page's own; of a picture its words remain.

    HTML in the text is shown as it was typed.
    """
    tokens = _PARSER.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + 1, LAST_HEADING)}"
    return sanitised(_PARSER.renderer.render(tokens, _PARSER.options, {}))


def sanitised(html: str) -> SafeString:
    """``html`` without what is not on the list: elements, attributes, and addresses of links."""
    clean = nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        link_rel="noopener",
        strip_comments=True,
    )
    return mark_safe(clean)  # noqa: S308 - nh3 has just made it so


def _words_of_picture(
    renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Mapping[str, Any]
) -> str:
    return str(escape(tokens[index].content))


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False})
    parser.add_render_rule("image", _words_of_picture)
    return parser


_PARSER = _parser()
