"""The figures of metastasis/mammography, drawn from a stored Result alone. No Django."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.figures import colour, empty_figure, headline
from portal.marks import NO_BREAK, chosen, column, label, reference, share_axis, why
from portal.usecase import Figure, Translate, gettext_noop
from usecases.metastasis.explorers import RECALL

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from portal.result import Result


def draw_roc(result: Result, _: Translate) -> go.Figure:
    """Sensitivity against false positives, with the reader's point."""
    import plotly.graph_objects as go

    curve = result.curves.get("roc")
    if curve is None:
        return empty_figure(why(result, "auroc", _))
    figure = go.Figure(
        [
            reference([0, 1], [0, 1]),
            go.Scatter(
                x=column(curve, "false_positive_rate"),
                y=column(curve, "sensitivity"),
                customdata=[
                    "\N{INFINITY}" if at is None else f"{at:.3g}"
                    for at in column(curve, "threshold")
                ],
                mode="lines",
                name=_("model"),
                line={"color": colour("uc"), "width": 2.5},
                hovertemplate=_("score ≥ {threshold}").format(threshold="%{customdata}")
                + "<br>"
                + _("sensitivity {value}").format(value="%{y:.1%}")
                + "<br>"
                + _("false positives {value}").format(value="%{x:.1%}")
                + "<extra></extra>",
            ),
            *chosen(
                result,
                RECALL,
                "1 - specificity",
                "sensitivity",
                say=_at_least,
                beside="bottom right",
            ),
        ]
    )
    _add_reader(figure, result, _)
    auroc = headline(result, "auroc")
    if auroc is not None and auroc.value is not None:
        interval = ""
        if auroc.lower is not None and auroc.upper is not None:
            interval = f"<br>95% CI {auroc.lower:.3f}\N{EN DASH}{auroc.upper:.3f}"
        figure.add_annotation(
            text=f"<b>AUROC {auroc.value:.3f}</b>{interval}",
            x=1,
            y=0.04,
            xanchor="right",
            yanchor="bottom",
            align="right",
            showarrow=False,
            font={"size": 14, "color": colour("uc")},
        )
    label(figure, 0.36, 0.32, _("chance"), xanchor="left", yanchor="top")
    share_axis(figure.layout.xaxis, _("false positives (1 − specificity)"), 1)
    share_axis(figure.layout.yaxis, _("sensitivity"), 1)
    return figure


def _at_least(score: float) -> str:
    """The score as it is: it need not be a share."""
    return f"{NO_BREAK}≥{NO_BREAK}{score:.3g}"


def _add_reader(figure: go.Figure, result: Result, _: Translate) -> None:
    """The reader's point with both intervals, and its name beside it."""
    import plotly.graph_objects as go

    curve = result.curves.get("reader")
    if curve is None:
        return
    row = curve.rows[0]
    x, y = row["false_positive_rate"], row["sensitivity"]
    if not isinstance(x, float) or not isinstance(y, float):
        return

    def bars(value: float, name: str) -> dict[str, object]:
        lower, upper = row[f"{name}_lower"], row[f"{name}_upper"]
        return {
            "type": "data",
            "symmetric": False,
            "array": [float(upper) - value if upper is not None else 0.0],
            "arrayminus": [value - float(lower) if lower is not None else 0.0],
            "color": colour("ink"),
            "thickness": 1.5,
            "width": 0,
        }

    figure.add_trace(
        go.Scatter(
            x=[x],
            y=[y],
            mode="markers",
            name=_("reader"),
            marker={"color": colour("ink"), "size": 9, "symbol": "circle"},
            error_x=bars(x, "false_positive_rate"),
            error_y=bars(y, "sensitivity"),
            cliponaxis=False,
            hovertemplate=_("reader")
            + "<br>"
            + _("sensitivity {value}").format(value="%{y:.1%}")
            + "<br>"
            + _("false positives {value}").format(value="%{x:.1%}")
            + "<extra></extra>",
        )
    )
    # Led to by a line: the label of what is chosen may stand beside the same place.
    figure.add_annotation(
        x=x,
        y=y,
        text="<b>" + _("reader") + "</b>",
        xanchor="left",
        yanchor="top",
        ax=30,
        ay=30,
        showarrow=True,
        arrowhead=0,
        arrowwidth=1,
        arrowcolor=colour("ink"),
        standoff=5,
        font={"size": 12.5, "color": colour("ink")},
        bgcolor=colour("paper"),  # the curve may pass behind it
    )


def draw_comparison(result: Result, _: Translate) -> go.Figure:
    """Differences in sensitivity and specificity with their intervals, and the margin."""
    import plotly.graph_objects as go

    curve = result.curves.get("reader_comparison")
    if curve is None:
        missing = headline(result, "sensitivity_difference") is None
        return empty_figure(
            _("The table of exams holds no recalls of a reader.")
            if missing
            else why(result, "sensitivity_difference", _)
        )
    rows = [row for row in curve.rows if row["difference"] is not None]
    if not rows:
        return empty_figure(why(result, "sensitivity_difference", _))
    words = {"sensitivity": _("sensitivity"), "specificity": _("specificity")}
    names = [f"<b>{words[str(row['measure'])]}</b><br>{row['point']}" for row in rows]
    value = [_points(row["difference"], 0.0) for row in rows]
    lower = [_points(row["lower"], at) for row, at in zip(rows, value, strict=True)]
    upper = [_points(row["upper"], at) for row, at in zip(rows, value, strict=True)]
    margin = _points(rows[0]["margin"], 0.0)
    low, high = min([*lower, -margin]), max([*upper, margin])
    room = 0.06 * (high - low)
    figure = go.Figure(
        go.Scatter(
            x=value,
            y=names,
            mode="markers",
            name=_("model minus reader"),
            marker={
                "color": colour("uc"),
                "size": 11,
                "symbol": ["circle" if row["no_worse"] else "circle-open" for row in rows],
            },
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [end - at for end, at in zip(upper, value, strict=True)],
                "arrayminus": [at - end for end, at in zip(lower, value, strict=True)],
                "color": colour("uc"),
                "thickness": 2,
                "width": 0,
            },
            customdata=[
                [f"{low_end:.1f} to {high_end:.1f}", _verdict(row["no_worse"], _)]
                for low_end, high_end, row in zip(lower, upper, rows, strict=True)
            ],
            hovertemplate="%{y}<br>"
            + _("{value} percentage points").format(value="%{x:.1f}")
            + "<br>95% CI %{customdata[0]}<br>%{customdata[1]}<extra></extra>",
        )
    )
    for at, dash in ((0.0, "solid"), (-margin, "6px 4px")):
        figure.add_vline(x=at, line={"color": colour("ink-2"), "width": 1.25, "dash": dash})
    for at, text, anchor in (
        (0.0, _("reader"), "center"),
        (-margin, _("margin"), "right"),
    ):
        figure.add_annotation(
            x=at,
            y=1,
            yref="paper",
            text=text,
            showarrow=False,
            xanchor=anchor,
            yanchor="bottom",
            font={"size": 12.5, "color": colour("ink-2")},
        )
    figure.update_xaxes(
        title_text=_("model minus reader,<br>percentage points"), range=[low - room, high + room]
    )
    figure.update_yaxes(autorange="reversed", showgrid=False, tickfont={"color": colour("ink")})
    figure.update_layout(height=90 + 52 * len(rows), margin={"t": 26})
    return figure


def _points(value: object, otherwise: float) -> float:
    """A difference of shares in percentage points."""
    return 100 * value if isinstance(value, int | float) else otherwise


def _verdict(no_worse: object, _: Translate) -> str:
    if no_worse is None:
        return _("no interval, so no verdict")
    return _("no worse than the reader") if no_worse else _("not shown to be no worse")


FIGURES = (
    Figure(
        slug="roc",
        question=gettext_noop("How well does it rank exams, and where does the reader stand?"),
        curves=("roc", "reader"),
        draw=draw_roc,
        note=gettext_noop(
            "Each point of the line is one threshold: recalling more exams finds more cancers and "
            "raises more false alarms. A reader's point below the line means that some threshold "
            "does better on both."
        ),
    ),
    Figure(
        slug="reader",
        question=gettext_noop("Is it no worse than the reader?"),
        curves=("reader_comparison",),
        draw=draw_comparison,
        note=gettext_noop(
            "Model minus reader on the same exams, with 95% intervals. Filled: the whole interval "
            "lies above minus the margin, so it is no worse. A held specificity is held on these "
            "same exams."
        ),
    ),
)
