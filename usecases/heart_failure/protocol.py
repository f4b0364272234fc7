"""What is fixed before alerts are evaluated. No Django."""

from __future__ import annotations

from pydantic import Field, FiniteFloat, ValidationInfo, field_validator

from portal.usecase import Protocol, gettext_noop


class AlertsProtocol(Protocol):
    """The frozen parameters of heart-failure/alerts."""

    threshold: FiniteFloat | None = Field(
        title=gettext_noop("Threshold"),
        default=None,
        description=gettext_noop(
            "Score at or above which an alert starts; needed with daily scores"
        ),
    )
    recovery_threshold: FiniteFloat | None = Field(
        title=gettext_noop("Recovery threshold"),
        default=None,
        description=gettext_noop(
            "Score below which an alert ends, at most the threshold; empty: the threshold itself"
        ),
    )
    window: int = Field(
        title=gettext_noop("Window"),
        default=30,
        ge=1,
        le=365,
        description=gettext_noop("Days before an event in which an alert counts as its warning"),
    )
    blanking: int = Field(
        title=gettext_noop("Blanking"),
        default=0,
        ge=0,
        le=364,
        description=gettext_noop("Fewest days between alert and event that still help"),
    )

    @field_validator("recovery_threshold")
    @classmethod
    def _at_most_the_threshold(cls, recovery: float | None, info: ValidationInfo) -> float | None:
        threshold = info.data.get("threshold")
        if recovery is None or "threshold" not in info.data:
            return recovery
        if threshold is None:
            raise ValueError("It needs a threshold beside it.")
        if recovery > threshold:
            raise ValueError(f"It must be at most the threshold, {threshold:g}.")
        return recovery

    @field_validator("blanking")
    @classmethod
    def _within_the_window(cls, blanking: int, info: ValidationInfo) -> int:
        window = info.data.get("window")
        if window is not None and blanking >= window:
            raise ValueError(f"It must be shorter than the window of {window} days.")
        return blanking

    @property
    def recovery(self) -> float | None:
        """The recovery threshold where it differs from the threshold."""
        return None if self.recovery_threshold == self.threshold else self.recovery_threshold
