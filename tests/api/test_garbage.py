"""Answered requests leave no reference cycles.

The memory in a cycle stays in use until the garbage collector runs, which stops the process for up to 50 ms.
"""

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tests.api.conftest import People

OURS = ("api.", "analytics.", "database.", "domain.", "ledger.", "projections.", "runtime.")
TIMES = 5
"""Number of times of each request. A cycle of a request is found as often."""


async def test_answered_requests_leave_no_cycles_of_ours(people: People) -> None:
    flight = await people.flight(seats=TIMES * 10)
    await _use(people, flight["id"])
    with _collected() as found:
        for _ in range(TIMES):
            await _use(people, flight["id"])
    often = {name: count for name, count in found.items() if count >= TIMES}
    assert not often


async def test_a_cycle_is_found() -> None:
    with _collected() as found:
        people = People.__new__(People)
        people.app = people  # type: ignore[assignment]
        del people
    assert found == {"tests.api.conftest.People": 1}


async def _use(people: People, flight_id: str) -> None:
    """Book, pay, cancel, repeat, be refused, and read."""
    first, second = [await people.booking({"id": flight_id}) for _ in range(2)]
    path = f"/api/v1/bookings/{second['id']}"
    reads = (path, f"{path}/history", "/api/v1/bookings?user_id=alice")
    answers = [
        await people.pay(first, key=f"pay-{first['id']}"),
        await people.pay(first, key=f"pay-{first['id']}"),
        await people.alice.post(f"{path}/cancel", json={"reason": "ill"}),
        await people.alice.post(f"{path}/cancel", json={"reason": 7}),
        await people.pay(second, key=f"pay-{second['id']}"),
        *[await people.alice.get(read) for read in (*reads, f"/api/v1/flights/{flight_id}/availability")],
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 200, 400, 409, 200, 200, 200, 200]


@contextmanager
def _collected() -> Iterator[Counter[str]]:
    """Count the objects of our classes in garbage that this block makes, by class."""
    found: Counter[str] = Counter()
    gc.collect()
    was = gc.isenabled()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        names = (f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.garbage)
        found.update(name for name in names if name.startswith((*OURS, "tests.")))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        if was:
            gc.enable()
