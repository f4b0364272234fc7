"""The design system as a page: what it shows of the look, and made-up content for each component.

Tokens and icons are read from the files that pages use, and each specimen is drawn by the
component's own template, so that the page cannot say anything that is not so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from django import forms
from django.contrib.messages import constants as levels
from django.contrib.messages.storage.base import Message
from django.contrib.postgres.forms import IntegerRangeField
from django.contrib.staticfiles import finders
from django.core.paginator import Paginator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.facets import Chip, Option, ShownFacet
from portal.facts_form import SpanWidget
from portal.figures import CHOSEN, Forest, ForestRow, colour, follow
from portal.organisations.models import Organisation
from portal.organisations.roles import Verb
from portal.result import Curve, Estimate, Pooled, Result
from portal.showcase.explorer import Explored, explored
from portal.showcase.markdown import rendered
from portal.showcase.models import Milestone
from portal.showcase.templatetags.components import JOB_STATES
from portal.usecase import Explorer, Followed, Measure, UseCase, use_cases

SCHEMES = ("light", "dark")
SHOWN_AT = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
"""Any moment will do, but the same one, so that the page stays the same."""

PAIR = re.compile(r"light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
TOKEN = re.compile(r"--([\w-]+): ([^;]+);")
SYMBOL = re.compile(r'<symbol id="([\w-]+)"')


@dataclass(frozen=True)
class Token:
    """A custom property of the style sheet."""

    name: str
    value: str
    light: str = ""
    dark: str = ""
    """The contrast of a colour with paper, in either scheme: "6.5:1"."""


@dataclass(frozen=True)
class Specimen:
    """A component, or a group of its kind."""

    title: Any
    template: str
    """Below templates/showcase/design/."""


SPECIMENS = (
    Specimen(gettext_lazy("Colours"), "colours"),
    Specimen(gettext_lazy("Type, space and shadow"), "sizes"),
    Specimen(gettext_lazy("Text"), "text"),
    Specimen(gettext_lazy("Icons"), "icons"),
    Specimen(gettext_lazy("Buttons and menus"), "buttons"),
    Specimen(gettext_lazy("Chips and states"), "states"),
    Specimen(gettext_lazy("Notes and questions"), "notes"),
    Specimen(gettext_lazy("Cards and entries"), "cards"),
    Specimen(gettext_lazy("Navigation"), "navigation"),
    Specimen(gettext_lazy("Forms"), "forms"),
    Specimen(gettext_lazy("Lists and filters"), "lists"),
    Specimen(gettext_lazy("Tables and facts"), "tables"),
    Specimen(gettext_lazy("Progress and time"), "progress"),
    Specimen(gettext_lazy("Numbers with their intervals"), "numbers"),
    Specimen(gettext_lazy("Charts"), "charts"),
    Specimen(gettext_lazy("Map"), "map"),
)


def _read(name: str) -> str:
    found = finders.find(name)
    if not isinstance(found, str):
        raise FileNotFoundError(f"The static file '{name}' is not among the site's.")
    return Path(found).read_text()


def tokens() -> dict[str, list[Token]]:
    """The tokens of the style sheet by kind: colours, sizes of type, spaces, others."""
    sheet = _read("css/foundation.css")
    layer = sheet[sheet.index("@layer tokens {") : sheet.index("@layer base {")]
    root = layer[layer.index(":root {") : layer.index("}", layer.index("--uc:"))]
    found = TOKEN.findall(root)
    paper = PAIR.fullmatch(dict(found)["paper"])
    if paper is None:
        raise ValueError("The token --paper is not light-dark(#……, #……).")
    kinds: dict[str, list[Token]] = {"colours": [], "type": [], "spaces": [], "others": []}
    for name, value in found:
        if pair := PAIR.fullmatch(value):
            light, dark = map(_contrast, pair.groups(), paper.groups())
            kinds["colours"].append(Token(name, value, light, dark))
        elif name.startswith("size-"):
            kinds["type"].append(Token(name, value))
        elif re.fullmatch(r"s\d", name):
            kinds["spaces"].append(Token(name, value))
        else:
            kinds["others"].append(Token(name, value))
    return kinds


def _contrast(one: str, other: str) -> str:
    """The contrast of two colours as WCAG 2 defines it."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return f"{(brighter + 0.05) / (darker + 0.05):.1f}:1"


def _luminance(written: str) -> float:
    parts = [int(written[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def icons() -> list[str]:
    """The names of the icons."""
    return SYMBOL.findall(_read("img/icons.svg"))


class SampleForm(forms.Form):
    """Every kind of field."""

    title = forms.CharField(
        label=gettext_lazy("Title"), help_text=gettext_lazy("As others see it.")
    )
    keywords = forms.CharField(label=gettext_lazy("Keywords"), required=False)
    text = forms.CharField(label=gettext_lazy("Text"), widget=forms.Textarea, required=False)
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=Organisation.Kind.choices)
    verbs = forms.MultipleChoiceField(
        label=gettext_lazy("They may"),
        choices=[(verb.value, verb.label) for verb in Verb],
        widget=forms.CheckboxSelectMultiple,
    )
    state = forms.ChoiceField(
        label=gettext_lazy("State"),
        choices=[(key, word) for key, (_icon, word) in JOB_STATES.items()],
        widget=forms.RadioSelect,
    )
    number = forms.IntegerField(label=gettext_lazy("Number"), max_value=10)
    day = forms.DateField(
        label=gettext_lazy("Day"), widget=forms.DateInput(attrs={"type": "date"}), required=False
    )
    file = forms.FileField(label=gettext_lazy("File"), required=False)
    agreed = forms.BooleanField(label=gettext_lazy("With the whole consortium instead"))
    span = IntegerRangeField(label=gettext_lazy("Age"), widget=SpanWidget(), required=False)
    fixed = forms.CharField(label=gettext_lazy("Country"), disabled=True, initial="DK")


class SampleLine(forms.Form):
    """One line of a table of forms."""

    name = forms.CharField(label=gettext_lazy("Name"))
    unit = forms.CharField(label=gettext_lazy("Unit"), required=False)


AUROC = Measure("auroc", "AUROC", "", low=0.5, high=1.0, reference=0.5)
EXPLORER = Explorer(
    curve="thresholds",
    parameter="threshold",
    label="Risk threshold",
    title="If we act above a risk of {at}",
    format="share:3",
    start=lambda result: 0.1,
    followed=(
        Followed("sensitivity", "Sensitivity", "percent:1"),
        Followed("specificity", "Specificity", "percent:1"),
    ),
    sentence="{flagged} / 1,000: {found} + {alarms}.",
    hidden="",
)
THRESHOLDS: dict[str, list[Any]] = {
    "threshold": [0.05, 0.1, 0.2],
    "true_positive": [90, 80, 50],
    "false_positive": [400, 200, 50],
    "false_negative": [10, 20, None],
    "true_negative": [500, 700, 850],
    "sensitivity": [0.9, 0.8, 0.5],
    "sensitivity_lower": [0.826, 0.711, 0.404],
    "sensitivity_upper": [0.945, 0.867, 0.596],
    "specificity": [0.556, 0.778, 0.944],
}


def _estimate(value: float | None, lower: float, upper: float) -> Estimate:
    if value is None:
        reason = _("too few to show")
        return Estimate(measure="auroc", value=None, method="DeLong", unavailable=reason)
    return Estimate(measure="auroc", value=value, lower=lower, upper=upper, method="DeLong")


def _explored() -> Explored | None:
    result = Result(
        use_case="sample", task="sample", engine="sample", protocol={}, inputs={}, population={},
        estimates=[], curves={"thresholds": Curve(method="Wilson", columns=THRESHOLDS)},
    )  # fmt: skip
    return explored(EXPLORER, result)


def _forest(pooled: Pooled) -> Forest:
    return Forest(
        rows=(
            ForestRow("DK", 3123, _estimate(0.83, 0.80, 0.86)),
            ForestRow("FR", 1717, _estimate(0.79, 0.74, 0.84)),
            ForestRow("NL", 240, _estimate(0.72, 0.61, 0.83)),
            ForestRow("PT", None, _estimate(None, 0, 0)),
        ),
        overall=_estimate(0.812, 0.79, 0.834),
        pooled=pooled,
        low=0.65,
        high=0.9,
    )


def _chart() -> dict[str, Any]:
    """A chart with the series in their order and a mark that follows the slider."""
    places = follow("threshold", [0.05, 0.1, 0.2], [[0.4], [0.2], [0.06]], [[0.9], [0.8], [0.5]])
    curves = [
        {
            "x": [0, 0.05 + 0.02 * number, 0.2 + 0.04 * number, 1],
            "y": [0, 0.5, 0.8, 1],
            "name": f"{number}",
            "mode": "lines",
            "line": {"color": colour(f"series-{number}")},
        }
        for number in range(1, 9)
    ]
    chosen = {
        "x": [0.2], "y": [0.8], "name": CHOSEN, "mode": "markers", "meta": places,
        "marker": {"color": colour("uc"), "size": 11}, "showlegend": False,
    }  # fmt: skip
    axis = {"gridcolor": colour("line"), "zeroline": False}
    return {
        "data": [*curves, chosen],
        "layout": {
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"color": colour("ink")},
            "margin": {"l": 44, "r": 8, "t": 8, "b": 40},
            "xaxis": axis,
            "yaxis": axis,
        },
    }


def _pooled() -> Pooled:
    return Pooled(
        measure="auroc", scale="logit", value=0.8, lower=0.76, upper=0.84, prediction_lower=0.69,
        prediction_upper=0.88, prediction_degrees_of_freedom=2, tau2=0.0123, i2=41, sites=3,
        method="REML",
    )  # fmt: skip


def _lines() -> list[dict[str, Any]]:
    """Evaluations in each of their states, as lists show them."""
    card = {"label": "AUROC", "measure": AUROC, "estimate": _estimate(0.822, 0.807, 0.837)}
    failures = {"failed": _("The evaluation failed for a reason that nobody foresaw.")}
    return [
        {
            "evaluation": {
                "status": status,
                "declared": use_case,
                "get_absolute_url": "#",
                "model_version": "KFRE 1.1.0",
                "dataset": {"title": _("Dataset"), "is_synthetic": True},
                "organisation": "Aarhus",
                "created_at": SHOWN_AT,
                "failure": failures.get(status, ""),
                "percent": 40,
            },
            "finding": {"title": use_case.question} if status == "succeeded" else None,
            "card": card if status == "succeeded" else None,
        }
        for status, use_case in zip(JOB_STATES, _cycled(len(JOB_STATES)), strict=True)
    ]


def _cycled(number: int) -> list[UseCase]:
    known = list(use_cases().values())
    return [known[at % len(known)] for at in range(number)]


def _filtered(scheme: str) -> dict[str, Any]:
    """What a list is filtered by; ids differ between the schemes, which share a page."""

    def option(number: int, label: str, count: int, *, is_chosen: bool = False) -> Option:
        return Option(label, label, count, is_chosen, f"{scheme}-option-{number}")

    options = [option(1, _("Denmark"), 12, is_chosen=True), option(2, _("France"), 1234),
               option(3, _("Poland"), 0)]  # fmt: skip
    facet = ShownFacet(f"{scheme}-country", _("Country"), options, [option(4, _("Malta"), 2)])
    return {
        "facets": [facet],
        "chips": [Chip(_("Country"), _("Denmark"), "#")],
        "without_chips": "#",
    }


def samples(scheme: str) -> dict[str, Any]:
    """The content of every specimen, for one of the two schemes."""
    pooled = _pooled()
    wrong = SampleForm({f"{scheme}-wrong-number": "11"}, prefix=f"{scheme}-wrong")
    names = ("Aarhus University Hospital", "Centre Léon Bérard")
    partners = [
        Organisation(name=name, slug=f"sample-{number}", country="DK")
        for number, name in enumerate(names)
    ]
    table = {
        "name": _("As a table"),
        "head": [_("Threshold"), _("Sensitivity")],
        "rows": [["5%", "90.0%"], ["10%", "80.0%"], ["20%", "50.0%"]],
        "csv_url": "#",
    }
    return {
        "scheme": scheme,
        "figure_slug": f"{scheme}-sample",
        "dialog": f"{scheme}-dialog",
        "search": f"{scheme}-search",
        "list_search": f"{scheme}-list",
        "form": SampleForm(prefix=scheme),
        "wrong_form": wrong,
        "formset": forms.formset_factory(SampleLine, extra=2)(prefix=f"{scheme}-lines"),
        "messages": [
            Message(levels.SUCCESS, _("Everybody reads it like this now.")),
            Message(levels.ERROR, _("Choose one of the roles.")),
        ],
        "states": list(JOB_STATES),
        "versions": [
            {"status": "draft", "get_status_display": _("Draft")},
            {"status": "released", "get_status_display": _("Released")},
            {"status": "retired", "get_status_display": _("Retired")},
        ],
        "owner": partners[0],
        "shared_with": [(partners[1], [Verb.VIEW, Verb.EVALUATE]), (None, [Verb.VIEW])],
        "partners": partners,
        "measure": AUROC,
        "estimates": [
            _estimate(0.822, 0.807, 0.837),
            _estimate(0.61, 0.52, 0.7),
            _estimate(None, 0, 0),
        ],
        "forest": _forest(pooled),
        "pooled": pooled,
        "explored": _explored(),
        "figure": _chart(),
        "tables": [table, {"name": _("Result"), "url": "/healthz", "csv_url": "#"}],
        "table": table,
        "facts": [(_("Country"), _("Denmark")), (_("Unit"), "mL/min/1.73 m²"), (_("Kind"), "")],
        "lines": _lines(),
        "page": Paginator(range(1, 401), 20).get_page(9),
        "found": _filtered(scheme),
        "sorts": [("newest", _("Title")), ("name", _("Name"))],
        "places": {"DK": [names[0]], "FR": [names[1]], "NL": ["Erasmus MC"]},
        "now": SHOWN_AT,
        "milestones": [
            Milestone(date=date(2026, 1, 1), title=_("Done"), is_done=True),
            Milestone(date=date(2027, 9, 1), title=_("Planned")),
        ],
        "prose": rendered(PROSE),
    }


PROSE = """Lorem **ipsum** *dolor* sit [amet](/), `consectetur`.

## Adipiscing

- sed do eiusmod
- tempor incididunt

> Ut labore et dolore magna aliqua.
"""
