"""Follow-up to a horizon, and the risk observed in it, with death as a competing event or not.

Conventions are those of ``survfit`` of R's survival package: someone censored at the time of an
event was still at risk of it, and times that differ by rounding alone are the same time.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from usecases.statistics.quantity import Z95, Quantity, normal_quantity

CENSORED, EVENT, DEATH = 0, 1, 2
"""What ended a person's follow-up."""

AALEN_JOHANSEN = "Aalen-Johansen; complementary log-log interval"
KAPLAN_MEIER = "1 - Kaplan-Meier, deaths censored; complementary log-log interval"
EXCESS = "1 - Kaplan-Meier less Aalen-Johansen; infinitesimal jackknife, normal"

_KEY_BITS = 62
_TIED = 1.5e-8
"""Times closer than this, or than this share of the mean time, are one: R's ``timefix``."""


@dataclass(frozen=True)
class FollowUp:
    """People in the order of time, their follow-up cut at the horizon.

    Nothing that happens after the horizon matters to any measure by the horizon, so whoever is
    followed further counts as censored there. All arrays of people share one order: by time,
    then events, deaths, censored, then risk from high to low; so the caller's order is gone.

    Attributes
    ----------
    time : ndarray of float64, shape (people,)
        Ascending, at most ``horizon``.
    event : ndarray of int8, shape (people,)
        0 censored, 1 the event, 2 death without it.
    risk : ndarray of float64, shape (people,)
    horizon : float
    order : ndarray of int64, shape (people,)
        Places of the people in the caller's arrays.
    """

    time: np.ndarray
    event: np.ndarray
    risk: np.ndarray
    horizon: float
    order: np.ndarray

    @classmethod
    def of(cls, time: np.ndarray, event: np.ndarray, risk: np.ndarray, horizon: float) -> FollowUp:
        """Sort people and cut their follow-up at ``horizon``.

        Raises
        ------
        ValueError
            If the lengths differ, a time is not positive and finite, an event is not 0, 1 or 2,
            or a risk is outside [0, 1].
        """
        times = np.asarray(time, dtype=np.float64)
        codes = np.asarray(event)
        risks = np.asarray(risk, dtype=np.float64) + 0.0  # -0.0 becomes 0.0
        if not times.ndim == 1 or not times.shape == codes.shape == risks.shape:
            raise ValueError(
                "time, event and risk must be one-dimensional and of equal length; "
                f"their shapes are {times.shape}, {codes.shape} and {risks.shape}."
            )
        if not np.all((times > 0) & (times < np.inf)):
            raise ValueError("Each time must be above 0 and finite.")
        if not np.all((codes >= CENSORED) & (codes <= DEATH)):
            raise ValueError("Each event must be 0 (censored), 1 (the event) or 2 (death).")
        if not np.all((risks >= 0) & (risks <= 1)):
            raise ValueError("Each risk must lie in [0, 1].")
        if not horizon > 0:
            raise ValueError(f"The horizon must be above 0; it is {horizon:g}.")
        with ThreadPoolExecutor(1) as other:  # NumPy's sort lets other threads run
            sorting = other.submit(np.argsort, -risks)
            rank, distinct = _time_ranks(times, float(horizon))
            from_high = sorting.result()
        beyond = distinct[rank] > horizon
        ended = np.where(beyond, CENSORED, codes).astype(np.int8)
        at_horizon = int(np.searchsorted(distinct, horizon))
        rank = np.minimum(rank, at_horizon)
        times = np.append(distinct[:at_horizon], horizon)
        # One integer a person sorts many times faster than three columns.
        bits = max(1, int(times.size * 4).bit_length()), max(1, int(risks.size).bit_length())
        if sum(bits) > _KEY_BITS:
            raise ValueError(f"{risks.size:,} people are more than one table may hold.")
        place = np.empty(risks.size, dtype=np.int64)
        place[from_high] = np.arange(risks.size)
        last = np.where(ended == CENSORED, DEATH + 1, ended)
        key = np.sort(((rank * 4 + last) << bits[1]) | place)
        high_place = key & ((1 << bits[1]) - 1)
        order = from_high[high_place]
        follow = cls(times[key >> (bits[1] + 2)], ended[order], risks[order], float(horizon), order)
        ranked = risks[from_high]
        from_low = np.concatenate(([False], ranked[1:] != ranked[:-1]))[::-1]
        follow._rank_risks((np.cumsum(from_low) - from_low)[::-1][high_place])
        return follow

    @cached_property
    def deaths_censored(self) -> FollowUp:
        """The same people with death taken as the end of observation."""
        followed = replace(self, event=np.where(self.event == DEATH, 0, self.event).astype(np.int8))
        for name in ("_points", "by_risk", "risk_rank"):  # neither depends on what happened
            followed.__dict__[name] = getattr(self, name)
        return followed

    def with_risk(self, risk: np.ndarray) -> FollowUp:
        """The same people with other risks, of shape (people,) in this order of people."""
        predicted = replace(self, risk=np.clip(risk, 0.0, 1.0))
        for name in ("_points", "events", "deaths", "incidence", "censoring", "at_horizon"):
            predicted.__dict__[name] = getattr(self, name)  # what happened stays
        return predicted

    def part(self, chosen: np.ndarray) -> FollowUp:
        """The people of a mask (in this order of people)."""
        columns = self.time[chosen], self.event[chosen], self.risk[chosen]
        return FollowUp(*columns, self.horizon, self.order[chosen])

    @property
    def people(self) -> int:
        return self.time.size

    @cached_property
    def _points(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        first = np.ones(self.time.size, dtype=bool)
        np.not_equal(self.time[1:], self.time[:-1], out=first[1:])
        starts = np.flatnonzero(first)
        return np.cumsum(first) - 1, starts, self.time.size - starts

    @property
    def point(self) -> np.ndarray:
        """Number of each person's time among the distinct times, shape (people,)."""
        return self._points[0]

    @property
    def times(self) -> np.ndarray:
        """The distinct times, ascending."""
        return self.time[self._points[1]]

    @property
    def at_risk(self) -> np.ndarray:
        """People still followed at each distinct time."""
        return self._points[2]

    def ended(self, event: int) -> np.ndarray:
        """People whose follow-up ended with ``event`` at each distinct time."""
        return np.add.reduceat((self.event == event).astype(np.int64), self._points[1])

    @cached_property
    def events(self) -> np.ndarray:
        return self.ended(EVENT)

    @cached_property
    def deaths(self) -> np.ndarray:
        return self.ended(DEATH)

    @cached_property
    def at_horizon(self) -> np.ndarray:
        """Who is known to be free of the event and alive at the horizon, shape (people,)."""
        return (self.time == self.horizon) & (self.event == CENSORED)

    @cached_property
    def total_events(self) -> int:
        return int(np.count_nonzero(self.event == EVENT))

    @cached_property
    def total_deaths(self) -> int:
        return int(np.count_nonzero(self.event == DEATH))

    @cached_property
    def total_at_horizon(self) -> int:
        return int(np.count_nonzero(self.at_horizon))

    @property
    def total_lost(self) -> int:
        """People censored before the horizon."""
        return self.people - self.total_events - self.total_deaths - self.total_at_horizon

    def _rank_risks(self, rank: np.ndarray) -> None:
        """Keep the ranks of the risks, and the order that they give."""
        self.__dict__["risk_rank"] = rank
        # A sort of integers, so that equal risks stand in the order of time, and fast.
        bits = int(self.people).bit_length()
        key = np.sort((rank << bits) | np.arange(self.people))
        self.__dict__["by_risk"] = key & ((1 << bits) - 1)

    @cached_property
    def by_risk(self) -> np.ndarray:
        """People from the lowest risk to the highest, in their order where equal."""
        order = np.argsort(self.risk)
        ranked = self.risk[order]
        rank = np.empty(self.people, dtype=np.int64)
        rank[order] = np.concatenate(([0], np.cumsum(ranked[1:] != ranked[:-1])))[: self.people]
        self._rank_risks(rank)
        by_risk: np.ndarray = self.__dict__["by_risk"]
        return by_risk

    @cached_property
    def risk_rank(self) -> np.ndarray:
        """Number of each person's risk among the distinct risks, shape (people,)."""
        _order = self.by_risk  # finds both
        rank: np.ndarray = self.__dict__["risk_rank"]
        return rank

    @cached_property
    def incidence(self) -> Incidence:
        """The observed risk of the event."""
        return Incidence.of(self.at_risk, self.events, self.deaths)

    @cached_property
    def death(self) -> Incidence:
        """The observed risk of death without the event."""
        return Incidence.of(self.at_risk, self.deaths, self.events)

    @cached_property
    def censoring(self) -> Censoring:
        """How long people were observed."""
        return Censoring.of(self)


@dataclass(frozen=True)
class Incidence:
    """The Aalen-Johansen estimate at distinct times; without deaths, 1 - Kaplan-Meier.

    Attributes
    ----------
    at_risk, events, deaths : ndarray of int64, shape (times,)
    before : ndarray, shape (times,)
        Share alive and free of the event just before each time.
    risk : ndarray, shape (times,)
        Share with the event through each time.
    """

    at_risk: np.ndarray
    events: np.ndarray
    deaths: np.ndarray
    before: np.ndarray
    risk: np.ndarray

    @classmethod
    def of(cls, at_risk: np.ndarray, events: np.ndarray, deaths: np.ndarray) -> Incidence:
        """From counts at distinct times; times where nothing happens may be left out."""
        free = np.cumprod(1 - (events + deaths) / at_risk)
        before = np.concatenate(([1.0], free[:-1]))
        return cls(at_risk, events, deaths, before, np.cumsum(before * events / at_risk))

    @property
    def value(self) -> float:
        """The risk at the last time."""
        return float(self.risk[-1]) if self.risk.size else 0.0

    @cached_property
    def _effects(self) -> tuple[np.ndarray, np.ndarray]:
        """What one more unit of either hazard adds to the risk at the last time."""
        free = 1 - (self.events + self.deaths) / self.at_risk
        later = self.risk[-1] - self.risk
        lost = np.divide(later, free, out=np.zeros_like(free), where=free > 0)
        return self.before - lost, -lost

    @property
    def standard_error(self) -> float:
        """That of :attr:`value`.

        The infinitesimal jackknife, as ``survfit``; its squares add up time by time, so one pass
        over the times gives it. Without deaths it is Greenwood's.
        """
        if not self.risk.size:
            return 0.0
        event, death = self.events / self.at_risk, self.deaths / self.at_risk
        by_event, by_death = self._effects
        mean = by_event * event + by_death * death
        squares = (by_event**2 * event + by_death**2 * death - mean**2) / self.at_risk
        return float(np.sqrt(max(0.0, float(np.sum(squares)))))

    @property
    def standard_errors(self) -> np.ndarray:
        """Those of :attr:`risk` at each time.

        The effects on the risk at a time t are linear in that risk, so its variance is a square
        polynomial in it whose coefficients are running sums.
        """
        event, death = self.events / self.at_risk, self.deaths / self.at_risk
        both = (self.events + self.deaths) / self.at_risk
        free = 1 - both  # exactly 0 where everybody left, as 1 - event - death is not
        per_free = np.divide(1.0, free, out=np.zeros_like(free), where=free > 0)
        by_death = self.risk * per_free
        by_event = self.before + by_death
        mean = by_event * event + by_death * death
        constant = by_event**2 * event + by_death**2 * death - mean**2
        mixed = per_free * (mean - mean * both)
        square = per_free**2 * (both - both**2)
        sums = [np.cumsum(part / self.at_risk) for part in (constant, mixed, square)]
        return np.sqrt(np.maximum(0.0, sums[0] - 2 * self.risk * sums[1] + self.risk**2 * sums[2]))

    def influence(self, point: np.ndarray, event: np.ndarray) -> np.ndarray:
        """What each person adds to :attr:`value`: the infinitesimal jackknife, shape (people,)."""
        by_event, by_death = self._effects
        drift = np.cumsum((by_event * self.events + by_death * self.deaths) / self.at_risk**2)
        found = -drift[point]
        for code, effect in ((EVENT, by_event), (DEATH, by_death)):
            jumped = event == code
            found[jumped] += (effect / self.at_risk)[point[jumped]]
        return found


@dataclass(frozen=True)
class Censoring:
    """The Kaplan-Meier estimate of not being censored, and the weights that follow from it.

    Attributes
    ----------
    weight : ndarray, shape (people,)
        Inverse of the chance of being observed as long as was needed: until just before the
        event or death, or until the horizon; 0 for those censored before the horizon.
        As ``ipcw`` of R's pec; they add up to the number of people.
    """

    weight: np.ndarray
    _point: np.ndarray
    _lost: np.ndarray
    _at_risk: np.ndarray
    _hazard: np.ndarray

    @classmethod
    def of(cls, follow: FollowUp) -> Censoring:
        # Censoring follows events at the same time.
        exposed = follow.at_risk - follow.events - follow.deaths
        count = np.add.reduceat((follow.event == CENSORED).astype(np.int64), follow._points[1])
        hazard = np.divide(count, exposed, out=np.zeros(exposed.size), where=exposed > 0)
        kept = 1 - hazard
        before = np.concatenate(([1.0], np.cumprod(kept)[:-1]))
        known = (follow.event != CENSORED) | follow.at_horizon
        weight = np.zeros(follow.people)
        weight[known] = 1 / before[follow.point[known]]
        lost = follow.event == CENSORED
        return cls(weight, follow.point, lost, follow.at_risk, count / follow.at_risk)

    def influence(self, share: np.ndarray) -> np.ndarray:
        """What each person adds to a weighted sum through the estimated weights.

        The martingale of the censoring hazard of Nelson and Aalen, as in riskRegression: Blanche
        et al., Statistics in Medicine 2013;32:5381-5397, appendix A.

        Parameters
        ----------
        share : ndarray, shape (people,)
            Derivative of the sum with respect to the log of each weight.
        """
        by_point = np.bincount(self._point, weights=share, minlength=self._at_risk.size)
        # A weight depends on the censoring before its time only.
        later = np.concatenate((np.cumsum(by_point[::-1])[::-1][1:], [0.0]))
        jump = later / self._at_risk
        drift = np.cumsum(jump * self._hazard)
        return np.where(self._lost, jump[self._point], 0.0) - drift[self._point]


def observed_risk(follow: FollowUp) -> Quantity:
    """The risk of the event by the horizon, as ``survfit`` of R.

    The interval is on the complementary log-log scale (``conf.type = "log-log"``).
    """
    method = AALEN_JOHANSEN if follow.total_deaths else KAPLAN_MEIER
    return risk_quantity(follow.incidence.value, follow.incidence.standard_error, method)


def death_risk(follow: FollowUp) -> Quantity:
    """The risk of death without the event by the horizon."""
    return risk_quantity(follow.death.value, follow.death.standard_error, AALEN_JOHANSEN)


def kaplan_meier_excess(follow: FollowUp) -> Quantity:
    """How much higher the risk looks when deaths are censored: Kaplan-Meier less Aalen-Johansen.

    The infinitesimal jackknife of the difference, for both come from the same people.
    """
    censored = follow.deaths_censored
    value = censored.incidence.value - follow.incidence.value
    influence = censored.incidence.influence(
        censored.point, censored.event
    ) - follow.incidence.influence(follow.point, follow.event)
    return normal_quantity(value, float(np.sqrt(np.sum(influence**2))), EXCESS)


def risk_quantity(value: float, error: float, method: str) -> Quantity:
    """A risk with an interval on the complementary log-log scale, within 0 and 1."""
    if not 0 < value < 1 or not error > 0:
        return Quantity(f"{method}; no interval, as the sample shows no variation", value)
    kept = -np.log1p(-value)
    half = Z95 * error / ((1 - value) * kept)
    ends = [float(-np.expm1(-kept * np.exp(sign * half))) for sign in (-1, 1)]
    return Quantity(method, value, ends[0], ends[1], error)


def _time_ranks(times: np.ndarray, horizon: float) -> tuple[np.ndarray, np.ndarray]:
    """The number of each time among the distinct ones, and those; see :data:`_TIED`."""
    if not times.size:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    order = np.argsort(times)
    ascending = times[order]
    near = _TIED * max(1.0, float(np.mean(times)))
    fresh = np.concatenate(([True], np.diff(ascending) > near))
    numbers = np.cumsum(fresh) - 1
    distinct = ascending[fresh]
    place = int(np.searchsorted(ascending, horizon))
    for neighbour in (place - 1, place):
        if 0 <= neighbour < times.size and abs(ascending[neighbour] - horizon) <= near:
            distinct[numbers[neighbour]] = horizon
    rank = np.empty(times.size, dtype=np.int64)
    rank[order] = numbers
    return rank, distinct
