"""Readiness: would an answer given now survive a crash, and does the schema fit the program?"""

from datetime import UTC, datetime
from typing import Any

import msgspec

from analytics.facts import PROJECTIONS
from analytics.follower.lag import lags
from audit.self_audit.standing import standing
from database.connection import Connection
from database.schema import VERSION
from runtime.settings import Settings

LAG_SECONDS_MAX = 30
"""Facts for analysts that are further behind are unhealthy; a scheduler looks every second."""


class Check(msgspec.Struct, frozen=True):
    """`vital`: without it the program should get no traffic. Others are shown, and fail nothing."""

    name: str
    ok: bool
    detail: str
    vital: bool = True


class Readiness(msgspec.Struct, frozen=True):
    ok: bool
    position: int
    checks: list[Check]


async def checks(connection: Connection, settings: Settings) -> Readiness:
    """All checks, in one answer. Raises psycopg.Error when the database cannot be asked."""
    (position,) = await _row(connection, "select coalesce(max(position), 0) from ledger.events")
    done = [
        Check("database", True, "answers"),
        await _durability(connection),
        await _schema(connection),
        # Every view that callers see commits with the events it shows.
        Check("projections", True, "lag 0 events: written in the block's own transaction"),
        await _sweep(connection, settings),
        await _checkpoints(connection),
    ]
    if done[2].ok:
        done.append(await _analytics(connection))
        done.append(await _self_audit(connection))
    if settings.gateway:
        done.append(await _payments(connection, settings.gateway))
    return Readiness(all(check.ok for check in done if check.vital), position, done)


async def _durability(connection: Connection) -> Check:
    """What new sessions get: the server's settings, and what the database or its roles override."""
    (standbys,) = await _row(connection, "select current_setting('synchronous_standby_names')")
    # `local` is as good as `on` until somebody relies on a standby.
    risky = ("off", "false", "no", "0", *(["local"] if standbys else []))
    rows = await (await connection.execute(_DURABILITY)).fetchall()
    lost = sorted({f"{name}={value}" for name, value in rows if value in risky})
    if lost:
        return Check(
            "durability", False, f"{', '.join(lost)}: acknowledged events could be lost; switch it on"
        )
    return Check("durability", True, "fsync, full_page_writes and synchronous_commit are on")


async def _schema(connection: Connection) -> Check:
    (version,) = await _row(connection, "select coalesce(max(version), 0) from ledger.migrations")
    if version == VERSION:
        return Check("schema", True, f"version {version}")
    advice = "run `seatledger migrate`" if version < VERSION else "use a newer program"
    return Check("schema", False, f"version {version}, this program works with {VERSION}: {advice}")


async def _sweep(connection: Connection, settings: Settings) -> Check:
    """For people to see. A late sweep fails nothing: a due hold blocks no seat, swept or not."""
    if not settings.sweep_cron:
        return Check("sweep", True, "never, by setting")
    now, seen, finished, due = await _row(connection, _SWEEP)
    alive = "never seen" if seen is None else f"seen {_seconds_ago(now, seen)}"
    last = "never" if finished is None else _seconds_ago(now, finished)
    return Check("sweep", True, f"last {last}, scheduler {alive}, {due} holds due")


async def _analytics(connection: Connection) -> Check:
    """Not ok when a projection stands still, but nobody's booking depends on it: taking the API out of
    service for a report that is late would turn it into an outage.
    """
    told, ok = [], True
    for at in await lags(connection):
        well = not at.is_parked and at.version == PROJECTIONS[at.projection].version
        ok = ok and well and at.seconds <= LAG_SECONDS_MAX
        told.append(f"{at.projection} {at.in_words}")
    return Check("analytics", ok, "; ".join(told), vital=False)


async def _self_audit(connection: Connection) -> Check:
    """Not ok when views differ from the log, or nobody looks. What is decided rests on the log, and which row
    is right is for people to say: taking the API out of service would not mend it.
    """
    now = await standing(connection)
    return Check("self-audit", now.ok and not now.is_old, now.in_words, vital=False)


async def _payments(connection: Connection, gateway: str) -> Check:
    """For people to see. A gateway that does not answer leaves payments in doubt, and nothing else."""
    now, count, oldest = await _row(connection, _ON_THEIR_WAY)
    since = f", the oldest since {_seconds_ago(now, oldest)}" if count else ""
    return Check("payments", True, f"{gateway}: {count} payments and refunds on their way{since}")


async def _checkpoints(connection: Connection) -> Check:
    """A log that lost or changed what was signed must not go on as if nothing had happened."""
    now, refusal, position, time, fits, head = await _row(connection, _CHECKPOINTS)
    if refusal is not None:
        return Check("checkpoints", False, refusal)
    if position is None:
        return Check("checkpoints", True, "none yet")
    if fits is None:
        return Check(
            "checkpoints",
            False,
            f"the log ends at position {head}, but a checkpoint saw {position}: the tail of the log is gone",
        )
    if not fits:
        return Check(
            "checkpoints", False, f"the log up to position {position} is not what the last checkpoint saw"
        )
    return Check("checkpoints", True, f"last at position {position}, {_seconds_ago(now, time)}")


def _seconds_ago(now: datetime, then: datetime) -> str:
    return f"{max((now - then).total_seconds(), 0):.0f} s ago ({then.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ})"


async def _row(connection: Connection, statement: Any) -> tuple[Any, ...]:
    row = await (await connection.execute(statement)).fetchone()
    assert row is not None
    return row


_DURABILITY = """
    select name, reset_val from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit')
    union all
    select split_part(setting, '=', 1), split_part(setting, '=', 2)
    from pg_db_role_setting s cross join unnest(s.setconfig) as setting
    where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
        and split_part(setting, '=', 1) in ('fsync', 'full_page_writes', 'synchronous_commit')
"""

_ON_THEIR_WAY = """
    select clock_timestamp(), count(*), min(since) from (
        (select updated_at as since from views.bookings where gateway_task is not null limit 10000)
        union all
        (select requested_at from views.refunds where status = 'requested' and settled_at is null limit 10000)
    ) as open
"""

_SWEEP = """
    select clock_timestamp(),
        (select at from ledger.heartbeats where name = 'scheduler'),
        (select max(finished_at) from ledger.job_runs where job = 'expire_holds'),
        (select count(*) from (select from views.bookings
            where held_until <= (select clock_timestamp()) limit 10000) as due)
"""

_CHECKPOINTS = """
    select clock_timestamp(), (select reason from ledger.checkpoint_refusals order by at desc limit 1),
        last.position, last.time,
        (select e.hash = last.hash from ledger.events e where e.position = last.position),
        coalesce((select position from ledger.events order by position desc limit 1), 0)
    from (select) as one left join lateral (
        select position, hash, time from ledger.checkpoints order by position desc, time desc limit 1
    ) as last on true
"""
