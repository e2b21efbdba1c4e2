"""Stored facts about commands, and declarations that each new command needs."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
import pytest

from domain.caller import Caller
from domain.commands.base import Command
from domain.commands.bookings import (
    AcceptChange,
    CancelBooking,
    CancelWithFlight,
    DenyBoarding,
    ExpireHold,
    InitiateBooking,
    MoveBooking,
    RecordFlown,
    RecordNoShow,
    ReduceSeats,
)
from domain.commands.fields import NewPolicy, Price
from domain.commands.flights import (
    CancelFlight,
    ChangeCancellationPolicy,
    ChangeFlightSeats,
    ChangeOverbooking,
    DepartFlight,
    MoveAllBookings,
    RepriceFlight,
    RetimeFlight,
    ScheduleFlight,
)
from domain.commands.itineraries import (
    CancelItinerary,
    CaptureItinerary,
    InitiateItinerary,
    ItineraryBooking,
    PayItinerary,
    RecordItineraryPayment,
    VoidItinerary,
)
from domain.commands.passengers import NamedPassenger, NamePassengers, NewPassenger, SplitBooking
from domain.commands.payments import (
    CapturePayment,
    PayBooking,
    RecordPayment,
    RecordRefund,
    SettleRefund,
    VoidPayment,
)
from domain.commands.sandbox import AdvanceClock
from domain.commands.waiting import CloseWaiting, HoldOffer, JoinWaitlist, LeaveWaitlist, OfferSeats
from domain.handlers import HANDLERS
from domain.money import Money
from domain.passengers import PassengerType
from domain.payments import PaymentOutcome
from domain.read_set import ReadSet
from ledger.submission import Submission, render_plain

ID = UUID("01890000-0000-7000-8000-000000000001")
PAYMENT = UUID("01890000-0000-7000-8000-000000000002")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
EVENING = datetime(2030, 1, 1, 20, tzinfo=UTC)


class Stored(NamedTuple):
    """A sample, its stored name and fingerprint, and whether the command can move seats."""

    command: Command
    operation: str
    moves_seats: bool
    fingerprint: str


ONLY_A_FLIGHT = "f404a9a7514165841d7bfebda495cb0f15edc3213a857f10e31e3d3e414d5823"
ONLY_A_BOOKING = "b63e5fe5423f7c66d6c6b04be9e49f54def4f462d047d669a133791db5aa8230"
ONLY_A_WAITING_PARTY = "ffc45004f64a969ba9428c056aa5a9c5100ad57f629f42418483bef375409c8d"
A_FLIGHT_A_USER_AND_SEATS = "f0aae428a8ccf13fc4f17f0bfe11ae30eafddd6ace6296c2e8c6c041383202ce"

COMMANDS = [
    Stored(
        ScheduleFlight("BA117", "LHR", "JFK", NOON, EVENING, 180, Price(450_00, "GBP")),
        "schedule_flight",
        False,
        "baafafd6dd6659ee752a36628d7d03b8b3472c4e400a602d54b1794bb588e904",
    ),
    Stored(
        RepriceFlight(ID, Price(500_00, "GBP")),
        "reprice_flight",
        True,
        "861b8fa081cbd0bd2f6aeb5812847e2e5398fcc8ed16d4e8d1c170038cbdeac0",
    ),
    Stored(
        RepriceFlight(ID, Price(500_00, "GBP", {"tax:GB": 50_00, "fare": 450_00})),
        "reprice_flight",
        True,
        "aebeeab64da5bad01fd3e6a84de457867281358a56b0a0ec245ee4de091e992b",
    ),
    Stored(
        ChangeCancellationPolicy(ID, NewPolicy(NOON, {"fare": 50, "tax:*": 100})),
        "change_cancellation_policy",
        False,
        "be4534e0787f945c093b70ddfc3c2334b955934e518943424ac9abcd64b20e5d",
    ),
    Stored(
        ChangeFlightSeats(ID, 200),
        "change_flight_seats",
        True,
        "cfd75980ff581111b8f9a69f5668acadebac6826b659fc2aae6c0b0462640d70",
    ),
    Stored(
        CancelFlight(ID, "Fog"),
        "cancel_flight",
        True,
        "e2b9b0b3136d00ea33f134e324d03e7188c719d75e157cf581743709aee06ba7",
    ),
    Stored(
        ChangeOverbooking(ID, 4, "no-shows"),
        "change_overbooking",
        True,
        "b7bb26fe4f3a0c3cd3c804ac22cbf722b25344c57f763819e63775e8d833d13f",
    ),
    Stored(
        RetimeFlight(ID, NOON, EVENING, "Fog"),
        "retime_flight",
        True,
        "8d4bf6d5b90dfa07bff96afe60b1498725fcbc8bb0f47435156b0fde29ca46e0",
    ),
    Stored(DepartFlight(ID), "depart_flight", True, ONLY_A_FLIGHT),
    Stored(InitiateBooking(ID, "alice", 2), "initiate_booking", True, A_FLIGHT_A_USER_AND_SEATS),
    Stored(
        PayBooking(ID, "alice", Money(900_00, "GBP")),
        "pay_booking",
        False,
        "2733c7611c3ca4552297749a95bd23c0bb58a2d87c04712818cd5d7ff0b8a511",
    ),
    Stored(CapturePayment(ID), "capture_payment", True, ONLY_A_BOOKING),
    Stored(
        VoidPayment(ID, "Customer called"),
        "void_payment",
        True,
        "7ea296fb6fad0487ad1e51bc74bfe382032bb6edc7671e2ff9bee89d76ffff68",
    ),
    Stored(
        InitiateBooking(ID, "alice", 1, (NewPassenger("Alice", "Nguyễn", PassengerType.ADULT),)),
        "initiate_booking",
        True,
        "af81a55cae8c4bda94d520f1d8fb66447dd14dbb15b3adfdf91574f927eb15ad",
    ),
    Stored(
        NamePassengers(ID, (NamedPassenger("Alice", "Nguyễn", PassengerType.ADULT, "1984-02-29"),)),
        "name_passengers",
        False,
        "ee7cf5d699250b8f8b99f0d176104068948a9e0c975f3d409efa12b1fa97a1b0",
    ),
    Stored(
        SplitBooking(ID, (PAYMENT,)),
        "split_booking",
        False,
        "d8e6523390828a5dcbf649cdbecf99f62621a7ed7903bdc3287620f203f6718f",
    ),
    Stored(
        ReduceSeats(ID, 1),
        "reduce_seats",
        True,
        "bb78560be5c9c1eb4f603bc40406372de01aadef16afb5da9125fa656eb49aab",
    ),
    Stored(
        CancelBooking(ID),
        "cancel_booking",
        True,
        "138b70c95d44e088e7b671ac6f531db6b0e373b6a3537622e4a8bfc47cd47c52",
    ),
    Stored(AcceptChange(ID), "accept_change", False, ONLY_A_BOOKING),
    Stored(
        MoveBooking(ID, PAYMENT),
        "move_booking",
        True,
        "7c34dfec27988427938c8ebff0a465021d52c65a9bd3c6ebb358aaf05c847477",
    ),
    Stored(
        MoveAllBookings(ID, (PAYMENT,)),
        "move_all_bookings",
        True,
        "65efd0d0b376750e1c4de9d7a4499e178382b933154fc04a02a80f156aa73f44",
    ),
    Stored(
        DenyBoarding(ID, "Came last"),
        "deny_boarding",
        True,
        "b4c2eaa87ea26944acf32b1083ccb7b41b47e402c69a22aae95b38838fcae459",
    ),
    Stored(RecordFlown(ID), "record_flown", False, ONLY_A_BOOKING),
    Stored(RecordNoShow(ID), "record_no_show", False, ONLY_A_BOOKING),
    Stored(ExpireHold(ID), "expire_hold", True, ONLY_A_BOOKING),
    Stored(CancelWithFlight(ID), "cancel_with_flight", False, ONLY_A_BOOKING),
    Stored(
        SettleRefund(ID, "wire 7"),
        "settle_refund",
        False,
        "06d1a65679a1e6695aae12d4766a61189c75858f4e03c75f80817aaa3625fc73",
    ),
    Stored(
        RecordPayment(ID, PAYMENT, PaymentOutcome.CAPTURED, "ch_1"),
        "record_payment",
        True,
        "88b8bf3e5bcaa3d907eb1e6678206f1e91f466b81b98dddfa6ff3eb311e27ad1",
    ),
    Stored(
        RecordRefund(ID, "re_1"),
        "record_refund",
        False,
        "68be6714146977a51cb316cf6a56e6b015a8d4b629d565ca4c78abb7a484cc81",
    ),
    Stored(JoinWaitlist(ID, "alice", 2), "join_waitlist", True, A_FLIGHT_A_USER_AND_SEATS),
    Stored(LeaveWaitlist(ID), "leave_waitlist", False, ONLY_A_WAITING_PARTY),
    Stored(OfferSeats(ID), "offer_seats", False, ONLY_A_WAITING_PARTY),
    Stored(HoldOffer(ID), "hold_offer", False, ONLY_A_WAITING_PARTY),
    Stored(CloseWaiting(ID), "close_waiting", False, ONLY_A_WAITING_PARTY),
    Stored(
        AdvanceClock("PT10M"),
        "advance_clock",
        False,
        "1f343daa5be56fcd3071f16dd5feefd42f2634501e7370baa68d1ebbc56cec93",
    ),
    Stored(
        InitiateItinerary("alice", (ItineraryBooking(ID, 2), ItineraryBooking(PAYMENT, 1))),
        "initiate_itinerary",
        True,
        "3c25440eaabf74944f22e85dd0b210a784ca3b8656dc213efe47b0a710c01a24",
    ),
    Stored(
        PayItinerary(ID, "alice", Money(900_00, "GBP")),
        "pay_itinerary",
        False,
        "3b79bed6ea348faad60ebc632695fc4ef26d3e31b0228f3effc0289484b8ebfe",
    ),
    Stored(
        CaptureItinerary(ID),
        "capture_itinerary",
        True,
        "c46f4c8579ad7d647544aa2fabcb2efca9ef4580ec7ee994be88ecfb807fc783",
    ),
    Stored(
        VoidItinerary(ID, "Customer called"),
        "void_itinerary",
        True,
        "c9e455ce5b8ff2189f70e2e330e9c4de0c2cfcd9ffb4a976facdee8a4a0ea16f",
    ),
    Stored(
        CancelItinerary(ID, "Plans changed", (PAYMENT,)),
        "cancel_itinerary",
        True,
        "4929375ee9fbebc4a08581519c6633baa6efcba657d854846c29a5c9e039bb70",
    ),
    Stored(
        RecordItineraryPayment(ID, PAYMENT, PaymentOutcome.CAPTURED, "ch_1"),
        "record_itinerary_payment",
        True,
        "b0a88b1a726f9a0008164701e9d3d577e237843a9bb3f310642fe3d8beaee34b",
    ),
]
"""One row for each command. Operations and fingerprints are stored for ever: never change a row."""

each_command = pytest.mark.parametrize("stored", COMMANDS, ids=[row.operation for row in COMMANDS])


def declared(base: type[Command] = Command) -> Iterator[type[Command]]:
    """Generate all commands: subclasses of Command that have no subclass."""
    for command in base.__subclasses__():
        yield from declared(command) if command.__subclasses__() else (command,)


def test_every_command_has_a_row_here_and_a_handler() -> None:
    names = {command.__name__ for command in declared()}
    assert names == {type(stored.command).__name__ for stored in COMMANDS}
    assert names == {command.__name__ for command in HANDLERS}


@each_command
def test_the_stored_name_of_a_command_never_changes(stored: Stored) -> None:
    assert stored.operation == stored.command.OPERATION


def test_no_two_commands_share_a_stored_name() -> None:
    names = [command.OPERATION for command in declared()]
    assert len(names) == len(set(names))


@each_command
def test_the_fingerprint_of_a_command_never_changes(stored: Stored) -> None:
    submission = Submission(stored.command, Caller("alice"), render_plain)
    assert submission.fingerprint.hex() == stored.fingerprint


@each_command
def test_every_command_is_immutable(stored: Stored) -> None:
    for field in stored.command.__struct_fields__:
        with pytest.raises(AttributeError, match="immutable type"):
            setattr(stored.command, field, None)


@each_command
def test_every_command_refuses_unknown_fields(stored: Stored) -> None:
    body = msgspec.json.encode(stored.command)
    assert msgspec.json.decode(body, type=type(stored.command)) == stored.command
    more = re.sub(rb"\}$", b',"surprise":1}', body)
    with pytest.raises(msgspec.ValidationError, match="unknown field `surprise`"):
        msgspec.json.decode(more, type=type(stored.command))


@each_command
def test_a_command_that_moves_seats_loads_the_waiting_list_of_the_flight(stored: Stored) -> None:
    """Waiting parties are loaded only for commands that are marked as moving seats."""
    assert stored.command.MOVES_SEATS is stored.moves_seats
    read_set = ReadSet.of([stored.command])
    assert (read_set == ReadSet()) is isinstance(stored.command, AdvanceClock)
    if stored.moves_seats:
        assert any(read_set.waiting_lists)
