"""Template tags and filters of the components: icons, numbers as people read them, intervals drawn.

Positions in SVG are computed here and travel as attributes, so that pages need no style
attributes; a number that a browser parses is never localised, one that a person reads always is.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from django import template
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.template.base import NodeList
from django.template.loader_tags import BlockNode
from django.templatetags.static import static
from django.utils.dates import MONTHS
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext_noop
from django.utils.translation import gettext as _

from portal.result import Pooled
from portal.showcase.drawing import Axis, DrawnRow, drawn_row, interval_bar, tick_marks
from portal.showcase.europe import HEIGHT, TILES, WIDTH
from portal.showcase.languages import Version, alternates, canonical, versions_of
from portal.showcase.models import Milestone
from portal.showcase.numbers import coordinate, count, interval, measured, number, percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from django.core.paginator import Page
    from django.template import Context
    from django.utils.safestring import SafeString

    from portal.figures import Forest
    from portal.result import Estimate
    from portal.showcase.explorer import Explored
    from portal.usecase import Measure

register = template.Library()
register.filter("number", number)
register.filter("percent", percent)
register.filter("count", count)
register.filter("measured", measured)
register.filter("interval", interval)
register.filter("coordinate", coordinate)
register.simple_tag(interval_bar)


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """An icon of ``static/img/icons.svg``; decoration, so a word must stand beside it."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("img/icons.svg"),
        name,
    )


JOB_STATES = {
    "queued": ("clock", gettext_noop("Queued")),
    "running": ("spinner", gettext_noop("Running")),
    "succeeded": ("check", gettext_noop("Succeeded")),
    "failed": ("cross", gettext_noop("Failed")),
    "cancelled": ("stop", gettext_noop("Cancelled")),
}


@register.simple_tag
def job_status(status: str) -> SafeString:
    """The state of a job, by icon and word."""
    return _job_status(status, get_language() or "")


@cache
def _job_status(status: str, _language: str) -> SafeString:
    """Made once for each state and language: a list shows one in every row."""
    drawn, word = JOB_STATES.get(status, ("", status))
    return format_html(
        '<span class="status {}">{}<span>{}</span></span>',
        status,
        icon(drawn) if drawn else "",
        _(word),
    )


@register.simple_tag
def moment(at: datetime) -> SafeString:
    """A moment, relative, with the exact time on hover."""
    local = localtime(at)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(),
        f"{local.day} {MONTHS[local.month]} {local:%Y, %H:%M %Z}",
        naturaltime(at),
    )


@register.simple_tag(takes_context=True)
def language_versions(context: Context) -> list[Version]:
    """The page in each language, for the switch."""
    return versions_of(context["request"]) if "request" in context else []


@register.simple_tag(takes_context=True)
def alternate_links(context: Context) -> SafeString:
    """What tells search engines of the page's other languages."""
    found = alternates(context["request"]) if "request" in context else []
    return format_html_join("\n    ", '<link rel="alternate" hreflang="{}" href="{}">', found)


@register.simple_tag(takes_context=True)
def canonical_address(context: Context) -> str:
    """The one address of the page in its language; "" where there is no page."""
    request = context.get("request")
    return canonical(request) if request and request.resolver_match else ""


@register.simple_tag(takes_context=True)
def static_address(context: Context, path: str) -> str:
    """The whole address of a static file, for those who read the page elsewhere."""
    address: str = context["request"].build_absolute_uri(static(path))
    return address


@register.simple_tag(takes_context=True)
def said_in(context: Context, name: str) -> str:
    """What the page's block ``name`` holds, once more: a template has each block only once."""
    return BlockNode(name, NodeList()).render(context)


@register.simple_tag
def structured_data(data: Mapping[str, Any] | None) -> SafeString | str:
    """What the page says of itself to those who index it; "" for nothing."""
    if not data:
        return ""
    text = json.dumps(data, ensure_ascii=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return format_html('<script type="application/ld+json">{}</script>', mark_safe(text))  # noqa: S308 - escaped above


@register.filter
def nearby_pages(page: Page) -> Iterator[int | str]:
    """The page numbers to offer: the ends, and two on either side of the present one."""
    return page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)


@register.inclusion_tag("components/_forest.html")
def forest_plot(
    forest: Forest,
    measure: Measure,
    name_head: str = "",
    count_head: str = "",
    caption: str = "",
) -> dict[str, Any]:
    """The rows of a forest, everyone together, and pooled over sites, on one axis.

    Parameters
    ----------
    name_head
        What a row is: "Site".
    count_head
        What is counted in it: "Patients"; "" leaves the column out.
    caption
        Names the table for those who do not see it.
    """
    axis = Axis(forest.low, forest.high)
    reference = axis.line(measure.reference)

    def drawn(label: str, people: str, estimate: Estimate | Pooled) -> DrawnRow:
        is_pooled = isinstance(estimate, Pooled)
        return drawn_row(
            label, people, estimate, measure, axis, pooled=is_pooled, reference=reference
        )

    rows = [drawn(row.name, count(row.n), row.estimate) for row in forest.rows]
    if forest.overall is not None:
        everyone = sum(row.n for row in forest.rows if row.n is not None)
        whole = all(row.n is not None for row in forest.rows)
        rows.append(
            drawn(_("Everyone together"), number(everyone) if whole else "", forest.overall)
        )
    if forest.pooled is not None:
        rows.append(drawn(_("Pooled over sites"), "", forest.pooled))
    return {
        "rows": [row.html(count_head.lower()) for row in rows],
        "ticks": tick_marks(axis, measure),
        "name_head": name_head or _("Site"),
        "count_head": count_head,
        "value_head": _(measure.label),
        "caption": caption or _(measure.label),
    }


@register.inclusion_tag("components/_tile_map.html")
def tile_map(places: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """Europe, one square a country.

    Parameters
    ----------
    places
        ISO 3166-1 country code (Greece is "GR") -> names to show on hover, its partners.
    """
    named = {code: ", ".join(names) for code, names in places.items()}
    return {
        "tiles": [tile.html(named.get(tile.code, "")) for tile in TILES],
        "width": WIDTH,
        "height": HEIGHT,
        "countries": sum(1 for tile in TILES if named.get(tile.code)),
    }


@register.inclusion_tag("components/_explorer.html")
def result_explorer(explored: Explored) -> dict[str, Any]:
    """The slider of a result with what follows from where it stands."""
    return {"explored": explored}


@register.inclusion_tag("components/_timeline.html")
def milestones(title: str = "") -> dict[str, Any]:
    """The steps of the project in their order; nothing at all where none is entered.

    Parameters
    ----------
    title
        A heading above them, of the second level; without one, the page has its own.
    """
    return {"title": title, "milestones": Milestone.objects.all()}
