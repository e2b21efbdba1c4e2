"""State of the webhooks for readiness, metrics and the scheduler's sleep."""

from typing import LiteralString, NamedTuple

from database.connection import Connection
from database.readiness import Check

LAG_SECONDS_MAX = 30
COUNTED_MAX = 100_000
"""Rows that a count reads at most."""


class WebhookStatus(NamedTuple):
    """Figures of all webhooks that are enabled.

    `lag_seconds`: age of the oldest event that is not queued yet, though a webhook follows. `oldest_seconds`:
    age of the oldest delivery that waits. `gone`: webhooks that the answer 410 disabled. `is_other_log`: the
    log was restored from an older backup.
    """

    webhooks: int
    lag_events: int
    lag_seconds: float
    waiting: int
    oldest_seconds: float
    parked: int
    gone: int
    delivered_total: int
    failed_total: int
    parked_total: int
    is_other_log: bool

    @property
    def summary(self) -> str:
        if self.is_other_log:
            return "STOPPED: the log was restored from an older backup; run `seatledger webhooks restart`"
        words = f"{self.webhooks} enabled, {self.waiting} waiting, the oldest {self.oldest_seconds:.0f} s"
        if self.lag_events:
            words += f", {self.lag_events} events, {self.lag_seconds:.0f} s behind the log"
        if self.parked:
            words += f", {self.parked} PARKED (replay them)"
        return f"{words}, {self.gone} GONE (enable or delete them)" if self.gone else words


async def read_status(connection: Connection) -> WebhookStatus:
    row = await (await connection.execute(_STATUS, {"most": COUNTED_MAX})).fetchone()
    assert row is not None
    return WebhookStatus(*row)


async def check(connection: Connection) -> Check:
    """Check that events are queued, none was given up, and no receiver is gone.

    Not vital: no booking depends on a receiver.
    """
    now = await read_status(connection)
    ok = not now.parked and not now.gone and not now.is_other_log and now.lag_seconds <= LAG_SECONDS_MAX
    return Check("webhooks", ok, now.summary, vital=False)


async def has_work(connection: Connection) -> bool:
    """Return whether events are to be queued or deliveries wait, of webhooks that are enabled."""
    row = await (await connection.execute(_WORK)).fetchone()
    return bool(row and row[0])


class Look(NamedTuple):
    """Whether there are webhooks, also deleted ones with rows left, and whether one is behind the log."""

    are_any: bool
    is_behind: bool


async def look(connection: Connection) -> Look:
    """Return what a sender asks each second: one short statement, which changes nothing."""
    row = await (await connection.execute(_LOOK)).fetchone()
    assert row is not None
    return Look(*row)


_ENABLED: LiteralString = "w.is_enabled and w.deleted_at is null"
# A checkpoint beyond the log is to be looked at, too: a restored log is another.
_BEHIND: LiteralString = """
    coalesce(w.position, (select position from webhook_progress), 0)
        <> (select coalesce(max(position), 0) from events)
"""
_LOOK: LiteralString = f"""
    select exists (select from webhooks),
        exists (select from webhooks as w where {_ENABLED} and {_BEHIND})
"""  # noqa: S608 - constants only
_WORK: LiteralString = f"""
    select exists (select from webhooks as w where {_ENABLED} and ({_BEHIND}
        or exists (select from webhook_deliveries where webhook_id = w.id and is_first)))
"""  # noqa: S608 - constants only
_STATUS: LiteralString = f"""
    with enabled as materialized (
        select id, position from webhooks as w where {_ENABLED}
    ), head as (
        select coalesce(max(position), 0) as position from events
    ), progress as (
        select coalesce(p.position, 0) as position, p.hash, coalesce(p.delivered, 0) as delivered,
            coalesce(p.failed, 0) as failed, coalesce(p.parked, 0) as parked
        from (values (1)) as one left join webhook_progress as p on true
    ), following as (
        select exists (select from enabled where position is null) as any
    )
    select (select count(*) from enabled),
        case when following.any then greatest(head.position - progress.position, 0) else 0 end,
        case when following.any then coalesce((
            select extract(epoch from clock_timestamp() - recorded_at)::float8 from events
            where position = progress.position + 1), 0) else 0 end,
        (select count(*) from (
            select from enabled as w
            join webhook_deliveries as d on d.webhook_id = w.id and d.state = 'waiting'
            limit %(most)s) as waiting),
        coalesce((
            select extract(epoch from clock_timestamp() - min(oldest.created_at))::float8
            from enabled as w cross join lateral (
                select created_at from webhook_deliveries
                where webhook_id = w.id and is_first order by due_at limit 100
            ) as oldest), 0),
        (select count(*) from (
            select from enabled as w
            join webhook_deliveries as d on d.webhook_id = w.id and d.state = 'parked'
            limit %(most)s) as parked),
        (select count(*) from webhooks where gone_at is not null and deleted_at is null),
        progress.delivered, progress.failed, progress.parked,
        progress.position > head.position or (progress.hash is not null and progress.hash is distinct from (
            select hash from events where position = progress.position))
    from head, progress, following
"""  # noqa: S608 - constants only
