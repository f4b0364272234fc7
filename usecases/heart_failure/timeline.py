"""The timeline of one patient, for people of the data's holder: scores, alerts, events. No Django.

Alerts and events are those of the evaluation: the same matching, made from one patient's rows.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from portal.figures import colour
from portal.marks import DASH, DOTS, label
from portal.tables import LoadedTable
from portal.usecase import Translate
from usecases.heart_failure.cohort import Cohort
from usecases.heart_failure.protocol import AlertsProtocol
from usecases.statistics.alerts import explained, lead_times

if TYPE_CHECKING:
    import plotly.graph_objects as go

_LANES = 3
_EPOCH = date(1970, 1, 1)


def draw_timeline(
    files: Mapping[str, Path], protocol: AlertsProtocol, patient: str, _: Translate
) -> go.Figure:
    """What happened to one patient: events, alerts with and without one, and the daily scores.

    Parameters
    ----------
    files : mapping
        Parquet files of ``followup``, ``events`` and either ``predictions`` or ``alerts``.
    protocol : AlertsProtocol
    patient : str
        The id.
    _ : callable
        Translates.

    Raises
    ------
    LookupError
        If nobody in ``followup`` has that id.
    """
    frames = {name: _rows_of(path, patient) for name, path in files.items()}
    if not frames["followup"].height:
        raise LookupError(f"Table 'followup' holds no patient '{patient}'.")
    return _Timeline(frames, protocol, _).figure()


def _rows_of(path: Path, patient: str) -> pl.DataFrame:
    """One patient's rows of a file, of which no others are kept."""
    rows = pl.scan_parquet(path, glob=False)
    key = pl.col("patient_id")
    if rows.collect_schema()["patient_id"] != pl.String:
        key = key.cast(pl.String)
    return rows.filter(key == patient).collect()


class _Timeline:
    """One patient's days while the figure comes together."""

    def __init__(
        self, frames: Mapping[str, pl.DataFrame], protocol: AlertsProtocol, _: Translate
    ) -> None:
        import plotly.graph_objects as go

        self.protocol, self.translate = protocol, _
        self.has_scores = "predictions" in frames
        self.cohort = _cohort(frames, protocol.window)
        self.alerts, _totals = self.cohort.totals(protocol)
        self.types = {
            row["date"]: row["type"] or ""
            for row in frames["events"].to_dicts()
            if row.get("type") is not None
        }
        self.drawn = go.Figure()

    def figure(self) -> go.Figure:
        cohort, _ = self.cohort, self.translate
        start, end = self._day(int(cohort.start[0])), self._day(int(cohort.end[0]))
        lanes = [0.56, 1.0] if self.has_scores else [0.0, 1.0]
        self._events(start, end)
        self._alerts(start, end)
        if self.has_scores:
            self._scores(start, end)
        room = timedelta(days=max(2, (end - start).days // 40))
        self.drawn.update_layout(
            height=460 if self.has_scores else 260,
            xaxis={
                "type": "date",
                "range": [(start - room).isoformat(), (end + room).isoformat()],
                "anchor": "y" if self.has_scores else "y2",
            },
            yaxis={"domain": [0.0, 0.46], "title": {"text": _("score")}},
            yaxis2={
                "domain": lanes,
                "range": [0, _LANES],
                "showgrid": False,
                "showticklabels": False,
                "fixedrange": True,
                "zeroline": False,
            },
        )
        return self.drawn

    def _day(self, number: int) -> date:
        return _EPOCH + timedelta(days=number)

    def _dates(self, places: np.ndarray) -> list[date]:
        """The days of places; those of the only patient are days since the calendar's first."""
        return [self._day(int(place) + self.cohort.calendar.first) for place in places]

    def _lane(self, number: int, name: str, start: date, end: date) -> None:
        """The follow-up as a line that marks stand on, and what they are, above it."""
        import plotly.graph_objects as go

        at = _LANES - number - 0.65
        self.drawn.add_trace(
            go.Scatter(
                x=[start.isoformat(), end.isoformat()],
                y=[at, at],
                yaxis="y2",
                mode="lines",
                line={"color": colour("line"), "width": 2},
                hoverinfo="skip",
            )
        )
        label(
            self.drawn,
            0,
            at,
            name,
            name="ink",
            xref="paper",
            yref="y2",
            xanchor="left",
            yanchor="bottom",
            yshift=9,
        )

    def _marks(self, number: int, dates: list[date], words: list[str], **marker: Any) -> None:
        import plotly.graph_objects as go

        self.drawn.add_trace(
            go.Scatter(
                x=[day.isoformat() for day in dates],
                y=[_LANES - number - 0.65] * len(dates),
                yaxis="y2",
                mode="markers",
                marker={"size": 11, **marker},
                customdata=words,
                hovertemplate="%{customdata}<extra></extra>",
                cliponaxis=False,
            )
        )

    def _events(self, start: date, end: date) -> None:
        """Events, filled where an alert came in time, and the death that ended follow-up."""
        cohort, protocol, _ = self.cohort, self.protocol, self.translate
        leads = lead_times(cohort.events, self.alerts, protocol.window, protocol.blanking)
        days = self._dates(cohort.events)
        words = []
        for day, lead in zip(days, leads.tolist(), strict=True):
            what = html.escape(self.types.get(day, ""), quote=False) or _("event")
            said = (
                _("alert {count} days before").format(count=lead)
                if lead >= 0
                else _("no alert before it")
            )
            words.append(f"{day.isoformat()}<br>{what}<br>{said}")
        self._lane(0, _("events (filled: warned of)"), start, end)
        self._marks(
            0,
            days,
            words,
            symbol=["diamond" if lead >= 0 else "diamond-open" for lead in leads.tolist()],
            color=colour("ink"),
            line={"color": colour("ink"), "width": 1.75},
        )
        if cohort.died[0]:
            self._marks(
                0,
                [end],
                [f"{end.isoformat()}<br>{_('death')}"],
                symbol="x-thin",
                color=colour("ink"),
                line={"color": colour("ink"), "width": 2.5},
            )

    def _alerts(self, start: date, end: date) -> None:
        """Alerts that an event followed, and those without one, each on its line."""
        _, protocol = self.translate, self.protocol
        followed = explained(self.alerts, self.cohort.events, protocol.window)
        ends = self._ends()
        for number, name, said, which, symbol in (
            (1, _("alerts with event"), _("an event followed"), followed, "triangle-up"),
            (2, _("alerts without event"), _("no event followed"), ~followed, "triangle-up-open"),
        ):
            self._lane(number, name, start, end)
            days = self._dates(self.alerts[which])
            words = []
            for day, last in zip(days, ends[which].tolist(), strict=True):
                lasted = (
                    ""
                    if not self.has_scores
                    else "<br>" + _("in alert for {count} days").format(count=last)
                )
                words.append(f"{day.isoformat()}<br>" + _("alert") + f"{lasted}<br>{said}")
            self._marks(
                number,
                days,
                words,
                symbol=symbol,
                color=colour("uc"),
                line={"color": colour("uc"), "width": 1.75},
            )

    def _ends(self) -> np.ndarray:
        """For how many days each alert lasts; 1 where only its start is known."""
        monitoring, threshold = self.cohort.monitoring, self.protocol.threshold
        if monitoring is None or threshold is None:
            return np.ones(self.alerts.size, dtype=np.int64)
        recovery = threshold if self.protocol.recovery is None else self.protocol.recovery
        inside = monitoring.in_alert(threshold, recovery)
        starts = monitoring.starts(inside)
        number = np.searchsorted(starts, np.flatnonzero(inside), side="right") - 1
        days = np.maximum(monitoring.days[inside], 1)
        return np.bincount(number, weights=days, minlength=starts.size).astype(np.int64)

    def _scores(self, start: date, end: date) -> None:
        """The scores by day, broken where none came for long, over the days in alert."""
        import plotly.graph_objects as go

        _, monitoring = self.translate, self.cohort.monitoring
        if monitoring is None:
            label(
                self.drawn,
                0.5,
                0.5,
                _("No score within follow-up."),
                xref="paper",
                yref="y domain",
                xanchor="center",
            )
            self.drawn.update_yaxes(range=[0, 1], showticklabels=False)
            return
        for day, lasted in zip(self._dates(self.alerts), self._ends().tolist(), strict=True):
            self.drawn.add_shape(
                type="rect",
                xref="x",
                yref="y domain",
                x0=day.isoformat(),
                x1=(day + timedelta(days=lasted)).isoformat(),
                y0=0,
                y1=1,
                fillcolor=colour("uc-band"),
                line={"width": 0},
                layer="below",
            )
        x: list[str | None] = []
        y: list[float | None] = []
        rows = zip(
            self._dates(monitoring.place),
            monitoring.score.tolist(),
            monitoring.opens.tolist(),
            strict=True,
        )
        for day, score, opens in rows:
            if opens and x:
                x.append(None)
                y.append(None)
            x.append(day.isoformat())
            y.append(score)
        self.drawn.add_trace(
            go.Scatter(
                x=x,
                y=y,
                mode="lines+markers" if len(x) <= _LANES * 30 else "lines",
                line={"color": colour("uc"), "width": 1.75},
                marker={"color": colour("uc"), "size": 4},
                hovertemplate="%{x|%Y-%m-%d}<br>"
                + _("score {value}").format(value="%{y:.4g}")
                + "<extra></extra>",
            )
        )
        self._levels(start, end)

    def _levels(self, start: date, end: date) -> None:
        """The scores at which an alert starts and, where that differs, ends."""
        import plotly.graph_objects as go

        _, protocol = self.translate, self.protocol
        levels = [(protocol.threshold, DASH, _("alert from {score}"), "bottom")]
        if protocol.recovery is not None:
            levels.append((protocol.recovery, DOTS, _("ends below {score}"), "top"))
        for level, dash, words, beside in levels:
            if level is None:
                continue
            self.drawn.add_trace(
                go.Scatter(
                    x=[start.isoformat(), end.isoformat()],
                    y=[level, level],
                    mode="lines",
                    line={"color": colour("ink-2"), "width": 1.25, "dash": dash},
                    hoverinfo="skip",
                )
            )
            label(
                self.drawn,
                1,
                level,
                words.format(score=f"{level:.4g}"),
                name="ink",
                xref="paper",
                yref="y",
                xanchor="right",
                yanchor=beside,
                bgcolor=colour("paper"),
                opacity=0.85,
            )


def _cohort(frames: Mapping[str, pl.DataFrame], window: int) -> Cohort:
    """The patient; without a score in follow-up, as one for whom no alert started."""
    tables = {name: LoadedTable(frame, "") for name, frame in frames.items()}
    scores = tables.pop("predictions", None)
    if scores is None:
        return Cohort.of(tables, window)
    none = scores.frame.select("patient_id", "date").clear()
    unwatched = Cohort.of({**tables, "alerts": LoadedTable(none, "")}, window)
    first, last = (_EPOCH + timedelta(days=int(day[0])) for day in (unwatched.start, unwatched.end))
    if not scores.frame["date"].is_between(first, last).any():
        return unwatched
    return Cohort.of({**tables, "predictions": scores}, window)
