"""Europe as a grid of squares: one a country, roughly where it lies."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

MAP = """
IS .  .  .  NO SE FI .
.  .  .  .  DK .  EE .
IE GB .  NL DE PL LV .
.  .  BE LU CZ SK LT UA
.  .  FR CH AT HU RO MD
PT ES .  IT SI HR BG .
.  .  MT .  .  .  GR CY
"""
"""Rows from north to south; a full stop is sea, or land that takes no part."""

NAMES = {
    "AT": gettext_noop("Austria"),
    "BE": gettext_noop("Belgium"),
    "BG": gettext_noop("Bulgaria"),
    "CH": gettext_noop("Switzerland"),
    "CY": gettext_noop("Cyprus"),
    "CZ": gettext_noop("Czechia"),
    "DE": gettext_noop("Germany"),
    "DK": gettext_noop("Denmark"),
    "EE": gettext_noop("Estonia"),
    "ES": gettext_noop("Spain"),
    "FI": gettext_noop("Finland"),
    "FR": gettext_noop("France"),
    "GR": gettext_noop("Greece"),
    "HR": gettext_noop("Croatia"),
    "HU": gettext_noop("Hungary"),
    "IE": gettext_noop("Ireland"),
    "IS": gettext_noop("Iceland"),
    "IT": gettext_noop("Italy"),
    "LT": gettext_noop("Lithuania"),
    "LU": gettext_noop("Luxembourg"),
    "LV": gettext_noop("Latvia"),
    "MD": gettext_noop("Moldova"),
    "MT": gettext_noop("Malta"),
    "NL": gettext_noop("Netherlands"),
    "NO": gettext_noop("Norway"),
    "PL": gettext_noop("Poland"),
    "PT": gettext_noop("Portugal"),
    "RO": gettext_noop("Romania"),
    "SE": gettext_noop("Sweden"),
    "SI": gettext_noop("Slovenia"),
    "SK": gettext_noop("Slovakia"),
    "UA": gettext_noop("Ukraine"),
    "GB": gettext_noop("United Kingdom"),
}


SIZE, GAP = 36, 4
"""Of a square, and between two."""
STEP = SIZE + GAP


@dataclass(frozen=True)
class Tile:
    """A country's square."""

    code: str
    name: str
    column: int
    row: int

    def html(self, names: str) -> SafeString:
        """Its square, with the names that show on hover; drawn here, as a map has dozens."""
        x, y = self.column * STEP, self.row * STEP
        title = f"{_(self.name)}: {names}" if names else _(self.name)
        return SafeString(
            f"""<g{' class="on"' if names else ""}>
      <title>{escape(title)}</title>
      <rect x="{x}" y="{y}" width="{SIZE}" height="{SIZE}" rx="4"/>
      <text x="{x + SIZE // 2}" y="{y + SIZE // 2}">{self.code}</text>
    </g>"""
        )


TILES = tuple(
    Tile(code, NAMES[code], column, row)
    for row, line in enumerate(MAP.split("\n")[1:-1])
    for column, code in enumerate(line.split())
    if code != "."
)
WIDTH = STEP * (1 + max(tile.column for tile in TILES)) - GAP
HEIGHT = STEP * (1 + max(tile.row for tile in TILES)) - GAP
