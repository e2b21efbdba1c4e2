"""The program's processes: killed, frozen, stopped, started and doubled."""

import asyncio
import signal
from random import Random

from trials.programs.processes import send
from trials.torture.faults.process_faults import freeze, kill
from trials.torture.site import Site


async def kill_a_worker(site: Site, random: Random) -> None:
    await kill(_one(site.main.workers(), random))


async def kill_all_workers(site: Site, random: Random) -> None:
    await kill(site.main.workers())


async def kill_the_api(site: Site, random: Random) -> None:
    await kill(site.main.part("api"))


async def kill_the_scheduler(site: Site, random: Random) -> None:
    await kill(site.main.part("scheduler"))


async def kill_the_program(site: Site, random: Random) -> None:
    """Kill the whole process tree; the database goes on."""
    await asyncio.to_thread(site.main.kill)
    await asyncio.sleep(random.choice([0, random.uniform(0, 2)]))


async def kill_up(site: Site, random: Random) -> None:
    await asyncio.to_thread(site.main.kill_alone)
    await asyncio.sleep(random.uniform(0, 1))


async def freeze_a_worker(site: Site, random: Random) -> None:
    """Freeze a worker. If it holds the head lock, the server takes it away and the others go on."""
    await freeze(_one(site.main.workers(), random), random.uniform(0.5, 4))


async def freeze_the_api(site: Site, random: Random) -> None:
    await freeze(site.main.part("api"), random.uniform(0.5, 3))


async def freeze_the_scheduler(site: Site, random: Random) -> None:
    await freeze(site.main.part("scheduler"), random.uniform(0.5, 4))


async def freeze_up(site: Site, random: Random) -> None:
    await freeze([site.main.process], random.uniform(0.5, 3))


async def stop_and_start(site: Site, random: Random) -> None:
    """Stop by SIGTERM under load: calls in flight are answered, and the exit code is 0 within ten seconds."""
    await site.retire(site.main)
    await site.add_program()


async def rolling_restart(site: Site, random: Random) -> None:
    """Start a new program before stopping the old one."""
    old = site.main
    await site.add_program()
    await asyncio.sleep(random.uniform(0, 2))
    await site.retire(old)


async def two_of_everything(site: Site, random: Random) -> None:
    """Run a second API and scheduler on the same ledger, and kill a worker of the first meanwhile."""
    second = await site.add_program()
    await asyncio.sleep(random.uniform(0.5, 2))
    send(signal.SIGKILL, _one(site.main.workers(), random))
    await asyncio.sleep(random.uniform(0.5, 2))
    await site.retire(second)


def _one(processes: list[int], random: Random) -> list[int]:
    return [random.choice(processes)] if processes else []
