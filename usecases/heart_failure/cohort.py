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
        frame, without = _with_rows(frame, tables[given].frame, given)
        start, end = _days(frame["start"]), _days(frame["end"])
        events, deaths = _split(tables["events"].frame)
        outside: dict[str, int] = {}
        outside_patients: dict[str, int] = {}
        last, died, outside["deaths"] = _last_days(frame["patient_id"], start, end, deaths)
        outside_patients["deaths"] = outside["deaths"]
        calendar = Calendar.of(start, last, window)

        def places(table: pl.DataFrame, name: str) -> tuple[np.ndarray, np.ndarray]:
            """Places of the rows within follow-up, and which rows those are; in no order."""
            number = _numbers(table["patient_id"], frame["patient_id"])
            day = _days(table["date"])
            known = number >= 0
            inside = known & (day >= start[number]) & (day <= last[number])
            outside[name] = int(np.count_nonzero(known & ~inside))
            outside_patients[name] = np.unique(number[known & ~inside]).size
            if outside[name] == 0 and known.all():
                return calendar.place(number, day), np.ones(0, dtype=bool)
            return calendar.place(number[inside], day[inside]), inside

        event_places = np.sort(places(events, "events")[0])
        place, inside = places(tables[given].frame, given)
        monitoring, alerts = None, np.empty(0, dtype=np.int64)
        if given == "predictions":
            if not place.size:
                raise Refused("No score of predictions lies within the patient's follow-up.")
            score = np.ascontiguousarray(tables[given].frame["score"].to_numpy(), dtype=np.float64)
            score = score[inside] if inside.size else score
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
    """Days since 1970."""
    return dates.cast(pl.Date).to_physical().to_numpy().astype(np.int64)


def _check_days(frame: pl.DataFrame) -> None:
    if (frame["end"] < frame["start"]).any():
        raise Refused(
            "Follow-up must not end before it starts. The data holder finds the rows of followup "
            "whose 'end' lies before 'start' and corrects them."
        )


def _with_rows(frame: pl.DataFrame, given: pl.DataFrame, name: str) -> tuple[pl.DataFrame, int]:
    """The patients who have a score, and how many have none; all of them where alerts are given.

    A patient without an alert was watched and had none; one without a score was not watched.
    """
    if name != "predictions":
        return frame, 0
    ids = pl.DataFrame({"patient_id": given["patient_id"].cast(pl.String).unique()})
    kept = frame.join(ids, on="patient_id", how="semi", maintain_order="left")
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
    number, day = _numbers(deaths["patient_id"], ids), _days(deaths["date"])
    number, day = number[number >= 0], day[number >= 0]
    inside = (day >= start[number]) & (day <= end[number])
    last, died = end.copy(), np.zeros(end.size, dtype=bool)
    last[number[inside]], died[number[inside]] = day[inside], True
    return last, died, int(np.count_nonzero(~inside))


def _numbers(ids: pl.Series, known: pl.Series) -> np.ndarray:
    """The place of each id among ``known``, int64; -1 for one that takes no part."""
    # Rows of a patient mostly follow each other: each stretch is looked up once.
    runs = ids.rename("patient_id").rle().struct.unnest()
    runs = runs.select(pl.col("len"), pl.col("value").cast(pl.String).alias("patient_id"))
    table = pl.DataFrame({"patient_id": known, "number": np.arange(len(known))})
    found = runs.join(table, on="patient_id", how="left", maintain_order="left")
    number = found["number"].fill_null(-1).to_numpy().astype(np.int64)
    return np.repeat(number, found["len"].to_numpy())
