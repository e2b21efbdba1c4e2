"""Refusals of a sandbox."""

from datetime import datetime

from domain.refusals.base import Refusal


class ClockTooFar(Refusal):
    """The clock of a sandbox is not moved that far.

    Advance it by less, or start with another sandbox.
    """

    latest: datetime
