"""The patients that an evaluation is about: follow-up, events and alerts, matched. No Django."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from portal.jobs.child import Refused
from portal.tables import LoadedTable
from usecases.heart_failure.protocol import AlertsProtocol
from usecases.heart_failure.tables import DEATH
from usecases.statistics.alerts import (
    Calendar,
    Monitoring,
    Totals,
    totals_of_alerts,
    totals_of_scores,
)


@dataclass(frozen=True)
class Stretches:
    """Rows of the same patient that follow each other: most of a patient's rows do.

    Attributes
    ----------
    ids : Series of String
        Whose stretch each is.
    lengths : ndarray of int64
        Rows in it.
    """

    ids: pl.Series
    lengths: np.ndarray

    @classmethod
    def of(cls, ids: pl.Series) -> Stretches:
        """The stretches of a column of ids."""
        runs = ids.rle().struct.unnest()
        return cls(
            runs["value"].cast(pl.String).rename("patient_id"),
            runs["len"].to_numpy().astype(np.int64),
        )

    def numbers(self, known: pl.Series) -> np.ndarray:
        """The place of each stretch's id among ``known``, int64; -1 for one that takes no part."""
        table = pl.DataFrame({"patient_id": known, "number": np.arange(len(known))})
        found = self.ids.to_frame().join(table, on="patient_id", how="left", maintain_order="left")
        return found["number"].fill_null(-1).to_numpy().astype(np.int64)

    def repeat(self, values: np.ndarray) -> np.ndarray:
        """What is said of stretches, for each row."""
        return np.repeat(values, self.lengths)

    def lie_within(
        self, day: np.ndarray, number: np.ndarray, start: np.ndarray, last: np.ndarray
    ) -> bool:
        """Whether every row is of a known patient and of a day from ``start`` to ``last``."""
        if not day.size:
            return True
        begins = np.cumsum(self.lengths) - self.lengths
        earliest, latest = np.minimum.reduceat(day, begins), np.maximum.reduceat(day, begins)
        inside = (number >= 0) & (earliest >= start[number]) & (latest <= last[number])
        return bool(inside.all())


@dataclass(frozen=True)
class Cohort:
    """The patients that take part, numbered by their sorted ids, and their days.

    Attributes
    ----------
    frame : DataFrame
        The rows of the follow-up table.
    start, end : ndarray of int64, shape (patients,)
        Days since 1970; follow-up that was given beyond a death ends with it.
    died : ndarray of bool, shape (patients,)
    calendar : Calendar
    events : ndarray of int64, shape (events,)
        Places of the events within follow-up, deaths aside, ascending.
    monitoring : Monitoring or None
        The scores within follow-up; None where alerts were given.
    alerts : ndarray of int64, shape (alerts,)
        Places of the alerts that were given, ascending; none where scores were.
    outside : dict
        By table: rows outside follow-up, which take no part.
    outside_patients : dict
        By table: the patients whose they are.
    without_prediction : int
        Patients without a score, who take no part.
    cut_at_death : int
        Patients whose follow-up went on after their death.
    has_deaths : bool
        Whether any event is a death.
    """

    frame: pl.DataFrame
    start: np.ndarray
    end: np.ndarray
    died: np.ndarray
    calendar: Calendar
    events: np.ndarray
    monitoring: Monitoring | None
    alerts: np.ndarray
    outside: dict[str, int]
    outside_patients: dict[str, int]
    without_prediction: int
    cut_at_death: int
    has_deaths: bool

    @classmethod
    def of(cls, tables: Mapping[str, LoadedTable], window: int) -> Cohort:
        """Match the tables.

        Raises
        ------
        Refused
            If follow-up ends before it starts, a patient dies twice, or an id is not known.
        """
        frame = tables["followup"].frame.with_columns(pl.col("patient_id").cast(pl.String))
        frame = frame.sort("patient_id")
        _check_days(frame)
        given = "predictions" if "predictions" in tables else "alerts"
        stretches = Stretches.of(tables[given].frame["patient_id"])
        without = 0
        if given == "predictions":
            frame, without = _with_scores(frame, stretches)
        start, end = (_days(frame[name]).astype(np.int64) for name in ("start", "end"))
        events, deaths = _split(tables["events"].frame)
        outside: dict[str, int] = {}
        outside_patients: dict[str, int] = {}
        last, died, outside["deaths"] = _last_days(frame["patient_id"], start, end, deaths)
        outside_patients["deaths"] = outside["deaths"]
        calendar = Calendar.of(start, last, window)

        def places(
            stretches: Stretches, dates: pl.Series, name: str
        ) -> tuple[np.ndarray, np.ndarray | None]:
            """Places of the rows within follow-up, in no order, and which rows; None: all."""
            number, day = stretches.numbers(frame["patient_id"]), _days(dates)
            outside[name] = outside_patients[name] = 0
            if stretches.lie_within(day, number, start, last):
                place = stretches.repeat(calendar.place(number, np.zeros(number.size)))
                place += day
                return place, None
            number = stretches.repeat(number)
            known = number >= 0
            inside = known & (day >= start[number]) & (day <= last[number])
            outside[name] = int(np.count_nonzero(known & ~inside))
            outside_patients[name] = np.unique(number[known & ~inside]).size
            return calendar.place(number[inside], day[inside]), inside

        whose = Stretches.of(events["patient_id"])
        event_places = np.sort(places(whose, events["date"], "events")[0])
        place, inside = places(stretches, tables[given].frame["date"], given)
        monitoring, alerts = None, np.empty(0, dtype=np.int64)
        if given == "predictions":
            if not place.size:
                raise Refused("No score of predictions lies within the patient's follow-up.")
            score = np.ascontiguousarray(tables[given].frame["score"].to_numpy(), dtype=np.float64)
            score = score if inside is None else score[inside]
            if place.size and np.any(place[1:] <= place[:-1]):
                order = np.argsort(place, kind="stable")
                place, score = place[order], score[order]
            ends = calendar.place(np.arange(start.size), last)
            monitoring = Monitoring.of(place, score, ends)
        else:
            alerts = np.sort(place)
        return cls(
            frame=frame,
            start=start,
            end=last,
            died=died,
            calendar=calendar,
            events=event_places,
            monitoring=monitoring,
            alerts=alerts,
            outside=outside,
            outside_patients=outside_patients,
            without_prediction=without,
            cut_at_death=int(np.count_nonzero(last < end)),
            has_deaths=bool(deaths.height),
        )

    @property
    def patients(self) -> int:
        return self.start.size

    @property
    def event_patient(self) -> np.ndarray:
        """Whose event each is."""
        return self.calendar.patient(self.events)

    @property
    def event_day(self) -> np.ndarray:
        """Days from the start of the patient's follow-up to each event."""
        patient = self.event_patient
        return self.events - self.calendar.place(patient, self.start[patient])

    def totals(self, protocol: AlertsProtocol) -> tuple[np.ndarray, Totals]:
        """The places of the alerts, and what each patient adds to the totals.

        Raises
        ------
        Refused
            If there are scores and the protocol has no threshold for them.
        """
        days = self.end - self.start
        window, blanking = protocol.window, protocol.blanking
        if self.monitoring is None:
            totals = totals_of_alerts(
                self.calendar, days, self.events, self.alerts, window, blanking
            )
            return self.alerts, totals
        if protocol.threshold is None:
            raise Refused(
                "Daily scores need the protocol's threshold at which an alert starts; the model's "
                "developer knows the scale of its scores."
            )
        recovery = protocol.threshold if protocol.recovery is None else protocol.recovery
        return totals_of_scores(
            self.calendar,
            days,
            self.events,
            self.monitoring,
            protocol.threshold,
            recovery,
            window,
            blanking,
        )

    def counts(self, mask: np.ndarray) -> dict[str, int]:
        """Patients, and those with and without an event, among those in ``mask``."""
        having = np.zeros(self.patients, dtype=bool)
        having[self.event_patient] = True
        patients, events = int(np.count_nonzero(mask)), int(np.count_nonzero(having & mask))
        return {"patients": patients, "events": events, "non_events": patients - events}


def _days(dates: pl.Series) -> np.ndarray:
    """Days since 1970, int32."""
    return dates.cast(pl.Date).to_physical().to_numpy()


def _check_days(frame: pl.DataFrame) -> None:
    if (frame["end"] < frame["start"]).any():
        raise Refused(
            "Follow-up must not end before it starts. The data holder finds the rows of followup "
            "whose 'end' lies before 'start' and corrects them."
        )


def _with_scores(frame: pl.DataFrame, rows: Stretches) -> tuple[pl.DataFrame, int]:
    """The patients who have a score, and how many have none.

    One without an alert was watched and had none; one without a score was not watched.
    """
    kept = frame.join(
        rows.ids.unique().to_frame(), on="patient_id", how="semi", maintain_order="left"
    )
    if not kept.height:
        raise Refused("No patient of followup has a score in predictions.")
    return kept, frame.height - kept.height


def _split(events: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The events to be detected, and the deaths."""
    events = events.with_columns(pl.col("patient_id").cast(pl.String))
    if "type" not in events.columns:
        return events, events.clear()
    is_death = events["type"].str.strip_chars().str.to_lowercase() == DEATH
    return events.filter(~is_death), events.filter(is_death)


def _last_days(
    ids: pl.Series, start: np.ndarray, end: np.ndarray, deaths: pl.DataFrame
) -> tuple[np.ndarray, np.ndarray, int]:
    """The last day of each patient, who died on it, and how many deaths lie outside follow-up."""
    if deaths["patient_id"].is_duplicated().any():
        raise Refused(
            "A patient can die only once. The data holder finds each 'patient_id' with several "
            f"rows of type '{DEATH}' in events and keeps one of them."
        )
    whose = Stretches.of(deaths["patient_id"])
    number, day = whose.repeat(whose.numbers(ids)), _days(deaths["date"])
    number, day = number[number >= 0], day[number >= 0]
    inside = (day >= start[number]) & (day <= end[number])
    last, died = end.copy(), np.zeros(end.size, dtype=bool)
    last[number[inside]], died[number[inside]] = day[inside], True
    return last, died, int(np.count_nonzero(~inside))
