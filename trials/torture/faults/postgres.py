"""PostgreSQL: killed, frozen, sessions terminated, disk full, clock changed."""

import asyncio
import signal
from datetime import timedelta
from random import Random

from trials.programs.processes import send, wait_for_end
from trials.torture import clock, disk
from trials.torture.faults.process_faults import kill, require_any
from trials.torture.site import Site


async def kill_postgres(site: Site, random: Random) -> None:
    require_any(site.server.processes())
    site.server.kill()


async def kill_the_keeper(site: Site, random: Random) -> None:
    await kill(site.server.keeper())


async def freeze_postgres(site: Site, random: Random) -> None:
    require_any(site.server.processes())
    site.server.freeze()
    await asyncio.sleep(random.uniform(0.5, 6))
    site.server.thaw()


async def kill_everything(site: Site, random: Random) -> None:
    """Kill program, server and keeper, like a power failure that spares the operating system's buffers."""
    keeper = site.server.keeper()
    send(signal.SIGSTOP, keeper)
    site.server.kill()
    send(signal.SIGKILL, keeper)
    await asyncio.to_thread(site.main.kill)
    await asyncio.to_thread(wait_for_end, keeper)


async def cut_all_sessions(site: Site, random: Random) -> None:
    require_any(await asyncio.to_thread(site.server.cut_connections))


async def cut_writers_again_and_again(site: Site, random: Random) -> None:
    for _ in range(random.randint(5, 20)):
        await asyncio.to_thread(site.server.cut_connections, "writer")
        await asyncio.sleep(random.uniform(0.01, 0.2))


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
