"""The kinds of faults. Each breaks something, waits, and heals it unless it heals by itself."""

from collections.abc import Awaitable, Callable
from random import Random

from trials.torture.faults import gateway, network, postgres, program
from trials.torture.site import Site

Fault = Callable[[Site, Random], Awaitable[list[str] | None]]
"""Returns the names of what it broke, if not its own name."""


def possible(site: Site) -> dict[str, Fault]:
    """Return all kinds that this site allows."""
    if site.gateway:
        return GATEWAY
    return {
        **ANYWHERE,
        **(PROXIED if site.setting.proxied else {}),
        **(SMALL_DISK if site.disk_can_be_filled else {}),
        **(WRONG_CLOCK if site.setting.wrong_clock else {}),
    }


def _named(*faults: Fault) -> dict[str, Fault]:
    return {getattr(fault, "__name__", "").replace("_", " "): fault for fault in faults}


INSTANT = _named(
    program.kill_a_worker, program.kill_the_scheduler, postgres.cut_all_sessions, network.clients_reset
)
"""Faults that are over at once and do not disturb another one: these also strike during others."""

ANYWHERE = {
    **INSTANT,
    **_named(
        program.kill_all_workers,
        program.kill_the_api,
        program.kill_up,
        program.freeze_a_worker,
        program.freeze_the_api,
        program.freeze_the_scheduler,
        program.freeze_up,
        program.stop_and_start,
        program.rolling_restart,
        program.two_of_everything,
        postgres.kill_postgres,
        postgres.kill_the_keeper,
        postgres.freeze_postgres,
        postgres.kill_everything,
        postgres.cut_writers_again_and_again,
        network.clients_in_a_black_hole,
        network.clients_delayed,
        network.clients_half_open,
        network.answers_to_clients_lost,
    ),
}

PROXIED = _named(
    network.database_reset,
    network.database_in_a_black_hole,
    network.database_delayed,
    network.database_half_open,
    network.answers_to_commit_lost,
)
"""Faults that need a proxy before the database."""

SMALL_DISK = _named(postgres.fill_the_disk)
WRONG_CLOCK = _named(postgres.set_the_clock_back, postgres.set_the_clock_forward)

GATEWAY = _named(
    gateway.kill_the_gateway,
    gateway.kill_program_and_gateway,
    gateway.gateway_misbehaves,
    gateway.gateway_down,
    gateway.gateway_well,
    program.kill_the_program,
    program.kill_a_worker,
    program.kill_the_scheduler,
    postgres.kill_everything,
)
"""The faults of the gateway scenario: both sides of a payment are killed, and the gateway has mishaps."""

DATABASE_ONLY = frozenset(
    _named(
        postgres.kill_postgres,
        postgres.kill_the_keeper,
        postgres.freeze_postgres,
        postgres.cut_all_sessions,
        postgres.cut_writers_again_and_again,
        network.database_reset,
        network.database_in_a_black_hole,
        network.database_delayed,
        network.database_half_open,
        network.answers_to_commit_lost,
        postgres.fill_the_disk,
        postgres.set_the_clock_back,
        postgres.set_the_clock_forward,
        program.kill_the_scheduler,
        program.freeze_the_scheduler,
    )
)
"""Faults that break nothing between clients and the API."""

POLITE = frozenset({"stop and start", "rolling restart", "two of everything"})
"""Faults with a promise that holds only while nothing else is broken."""
