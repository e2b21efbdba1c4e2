"""The kinds of faults: each breaks something, waits, and heals it as far as it does not heal by itself."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random

from faults import clock, disk
from faults.processes import send, wait_for_end
from faults.proxy import Trouble
from faults.site import Site

Fault = Callable[[Site, Random], Awaitable[object]]


class Missed(Exception):
    """There was nothing to break: what would have been was just being started again."""


async def kill_a_worker(site: Site, random: Random) -> None:
    await _kill(_one(site.main.workers(), random))


async def kill_all_workers(site: Site, random: Random) -> None:
    await _kill(site.main.workers())


async def kill_the_api(site: Site, random: Random) -> None:
    await _kill(site.main.part("api"))


async def kill_the_scheduler(site: Site, random: Random) -> None:
    await _kill(site.main.part("scheduler"))


async def kill_up(site: Site, random: Random) -> None:
    await asyncio.to_thread(site.main.kill_alone)
    await asyncio.sleep(random.uniform(0, 1))


async def freeze_a_worker(site: Site, random: Random) -> None:
    """Where it holds the head lock, the others go on when the server takes it away."""
    await _freeze(_one(site.main.workers(), random), random.uniform(0.5, 4))


async def freeze_the_api(site: Site, random: Random) -> None:
    await _freeze(site.main.part("api"), random.uniform(0.5, 3))


async def freeze_the_scheduler(site: Site, random: Random) -> None:
    await _freeze(site.main.part("scheduler"), random.uniform(0.5, 4))


async def freeze_up(site: Site, random: Random) -> None:
    await _freeze([site.main.process], random.uniform(0.5, 3))


async def stop_and_start(site: Site, random: Random) -> None:
    """SIGTERM under load: what is in flight is answered, the exit code is 0, within ten seconds."""
    await site.retire(site.main)
    await site.add_program()


async def rolling_restart(site: Site, random: Random) -> None:
    """A new one is ready before the old one is told to stop."""
    old = site.main
    await site.add_program()
    await asyncio.sleep(random.uniform(0, 2))
    await site.retire(old)


async def two_of_everything(site: Site, random: Random) -> None:
    """A second API and scheduler on the same ledger, and a worker of the first killed meanwhile."""
    second = await site.add_program()
    await asyncio.sleep(random.uniform(0.5, 2))
    send(signal.SIGKILL, _one(site.main.workers(), random))
    await asyncio.sleep(random.uniform(0.5, 2))
    await site.retire(second)


async def kill_postgres(site: Site, random: Random) -> None:
    _found(site.server.processes())
    site.server.kill()


async def kill_the_keeper(site: Site, random: Random) -> None:
    await _kill(site.server.keeper())


async def freeze_postgres(site: Site, random: Random) -> None:
    _found(site.server.processes())
    site.server.freeze()
    await asyncio.sleep(random.uniform(0.5, 6))
    site.server.thaw()


async def kill_everything(site: Site, random: Random) -> None:
    """As if the power had failed, but for the operating system's buffers."""
    keeper = site.server.keeper()
    send(signal.SIGSTOP, keeper)
    site.server.kill()
    send(signal.SIGKILL, keeper)
    await asyncio.to_thread(site.main.kill)
    await asyncio.to_thread(wait_for_end, keeper)


async def cut_all_sessions(site: Site, random: Random) -> None:
    _found(await asyncio.to_thread(site.server.cut_connections))


async def cut_writers_again_and_again(site: Site, random: Random) -> None:
    for _ in range(random.randint(5, 20)):
        await asyncio.to_thread(site.server.cut_connections, "writer")
        await asyncio.sleep(random.uniform(0.01, 0.2))


async def clients_reset(site: Site, random: Random) -> None:
    for _ in range(random.randint(1, 5)):
        site.front.reset_all()
        await asyncio.sleep(random.uniform(0.05, 0.5))


async def clients_in_a_black_hole(site: Site, random: Random) -> None:
    await _trouble(site, Trouble.BLACK_HOLE, random.uniform(0.5, 5))


async def clients_delayed(site: Site, random: Random) -> None:
    await _trouble(site, Trouble.DELAY, random.uniform(2, 5))


async def clients_half_open(site: Site, random: Random) -> None:
    site.front.trouble = Trouble.HALF_OPEN
    site.front.close_far_sides()
    await asyncio.sleep(random.uniform(0.5, 4))
    site.front.trouble = Trouble.NONE
    site.front.reset_all()


async def answers_to_clients_lost(site: Site, random: Random) -> None:
    site.front.loss_chance = random.uniform(0.05, 0.5)
    await _trouble(site, Trouble.LOSE_ANSWERS, random.uniform(1, 4))


async def database_reset(site: Site, random: Random) -> None:
    for _ in range(random.randint(1, 10)):
        site.back.reset_all()
        await asyncio.sleep(random.uniform(0.02, 0.4))


async def database_in_a_black_hole(site: Site, random: Random) -> None:
    await _trouble(site, Trouble.BLACK_HOLE, random.uniform(0.5, 6), back=True)


async def database_delayed(site: Site, random: Random) -> None:
    await _trouble(site, Trouble.DELAY, random.uniform(2, 5), back=True)


async def database_half_open(site: Site, random: Random) -> None:
    site.back.trouble = Trouble.HALF_OPEN
    site.back.close_far_sides()
    await asyncio.sleep(random.uniform(0.5, 5))
    site.back.trouble = Trouble.NONE
    site.back.reset_all()


async def answers_to_commit_lost(site: Site, random: Random) -> None:
    site.back.loss_chance = random.uniform(0.05, 0.5)
    await _trouble(site, Trouble.LOSE_ANSWERS, random.uniform(1, 4), back=True)


async def fill_the_disk(site: Site, random: Random) -> None:
    await asyncio.to_thread(disk.fill, site.server.data)
    await asyncio.sleep(random.uniform(1, 6))
    disk.free(site.server.data)


async def set_the_clock_back(site: Site, random: Random) -> None:
    await _shift(site, clock.BACK, random.uniform(2, 5))


async def set_the_clock_forward(site: Site, random: Random) -> None:
    await _shift(site, clock.FORWARD, random.uniform(0.5, 2))


async def _shift(site: Site, by: timedelta, seconds: float) -> None:
    await asyncio.to_thread(clock.shift, site.server.url, by)
    await asyncio.sleep(seconds)
    await asyncio.to_thread(clock.shift, site.server.url, timedelta(0))


def _one(processes: list[int], random: Random) -> list[int]:
    return [random.choice(processes)] if processes else []


def _found(what: object) -> None:
    """Raises Missed for nothing."""
    if not what:
        raise Missed


async def _kill(processes: list[int]) -> None:
    """And wait for the end: while they die, they still look alive to whoever restarts what has ended."""
    _found(processes)
    send(signal.SIGKILL, processes)
    await asyncio.to_thread(wait_for_end, processes)


async def _freeze(processes: list[int], seconds: float) -> None:
    _found(processes)
    send(signal.SIGSTOP, processes)
    await asyncio.sleep(seconds)
    send(signal.SIGCONT, processes)


async def _trouble(site: Site, trouble: Trouble, seconds: float, back: bool = False) -> None:
    proxy = site.back if back else site.front
    proxy.trouble = trouble
    await asyncio.sleep(seconds)
    proxy.trouble = Trouble.NONE


def _named(*faults: Fault) -> dict[str, Fault]:
    return {getattr(fault, "__name__", "").replace("_", " "): fault for fault in faults}


def possible(site: Site) -> dict[str, Fault]:
    """All kinds that this site allows."""
    return {
        **ANYWHERE,
        **(PROXIED if site.setting.proxied else {}),
        **(SMALL_DISK if site.disk_can_be_filled else {}),
        **(WRONG_CLOCK if site.setting.wrong_clock else {}),
    }


INSTANT = _named(kill_a_worker, kill_the_scheduler, cut_all_sessions, clients_reset)
"""Over at once, and harmless to what another fault relies on: these also strike during others."""

ANYWHERE = {
    **INSTANT,
    **_named(
        kill_all_workers,
        kill_the_api,
        kill_up,
        freeze_a_worker,
        freeze_the_api,
        freeze_the_scheduler,
        freeze_up,
        stop_and_start,
        rolling_restart,
        two_of_everything,
        kill_postgres,
        kill_the_keeper,
        freeze_postgres,
        kill_everything,
        cut_writers_again_and_again,
        clients_in_a_black_hole,
        clients_delayed,
        clients_half_open,
        answers_to_clients_lost,
    ),
}

PROXIED = _named(
    database_reset,
    database_in_a_black_hole,
    database_delayed,
    database_half_open,
    answers_to_commit_lost,
)
"""Only where there is a proxy before the database."""

SMALL_DISK = _named(fill_the_disk)
WRONG_CLOCK = _named(set_the_clock_back, set_the_clock_forward)

DATABASE_ONLY = frozenset(
    _named(
        kill_postgres,
        kill_the_keeper,
        freeze_postgres,
        cut_all_sessions,
        cut_writers_again_and_again,
        database_reset,
        database_in_a_black_hole,
        database_delayed,
        database_half_open,
        answers_to_commit_lost,
        fill_the_disk,
        set_the_clock_back,
        set_the_clock_forward,
        kill_the_scheduler,
        freeze_the_scheduler,
    )
)
"""Between clients and the API nothing is broken by these."""

POLITE = frozenset({"stop and start", "rolling restart", "two of everything"})
"""What these promise holds only while nothing else is broken."""
