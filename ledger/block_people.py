"""The people of one block: commands are decided by pseudonyms, and answers carry names."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from domain.booking import Booking
from domain.commands.base import BookingCommand, Command, ItineraryCommand
from domain.commands.payments import SettleRefund
from domain.personal import name_fields
from domain.working_set import WorkingSet
from ledger.keyring import PSEUDONYM, SEALED, Keyring, Person
from ledger.passenger_index import PassengerName, rows_of_bookings
from ledger.people import OtherMasterKey, People, is_in_clear
from ledger.personal_json import substitute, substitute_marked
from ledger.records import RecordedCommand
from ledger.submission import Answer, Submission


class BlockPeople:
    """Persons named by the commands of a block, and users of the bookings that it touches.

    They are read under the head lock, so no person of the block is erased before it commits.
    """

    def __init__(self, keyring: Keyring, rows: Sequence[tuple[Any, ...]], working_set: WorkingSet) -> None:
        """Take rows of `statements.people`. Raises OtherMasterKey."""
        if rows and rows[0][0] != keyring.check:
            raise OtherMasterKey
        self._keyring = keyring
        # Not the working set itself: it refers to this object by `text_for`, and a reference cycle would keep
        # the memory of a block until the garbage collector runs.
        self._bookings = working_set.bookings
        persons = [Person(*row[1:5]) for row in rows if row[1] is not None]
        self._persons = {person.person: person for person in persons}
        self._are_in_clear = any(is_in_clear(pseudonym) for pseudonym in self._persons)
        self._by_lookup = {person.lookup: person for person in persons if person.lookup}
        self._new: list[Person] = []
        self._names: dict[str, str] = {}
        self._unpaid_seats: dict[str, int] = {row[1]: row[5] for row in rows if len(row) > 5}
        working_set.text_for = self._text_for

    def pseudonymise(self, submissions: Sequence[Submission]) -> None:
        """Replace the names in the submissions by pseudonyms, and seal their texts."""
        for submission in submissions:
            pseudonyms = {name: self._find_or_create(name).person for name in submission.names}
            seal_passenger = (
                self._passenger_sealer(submission, pseudonyms) if submission.command.has_passengers else None
            )
            submission.pseudonymise(pseudonyms, self._sealer(submission, pseudonyms), seal_passenger)

    def unpaid_seats(self, names: Sequence[str]) -> dict[str, int]:
        """Return the unpaid seats by pseudonym. Without a master key no person has a row: none is counted."""
        pseudonyms = (self._find_or_create(name).person for name in names)
        return {pseudonym: self._unpaid_seats.get(pseudonym, 0) for pseudonym in pseudonyms}

    def new_people(
        self, commands: Sequence[RecordedCommand], submissions: Sequence[Submission]
    ) -> list[Person]:
        """Return the new persons that the recorded commands name; no other new person is stored."""
        if not self._new:
            return []
        recorded = {(command.actor, command.operation, command.key) for command in commands}
        naming = (submission for submission in submissions if submission.command_key in recorded)
        lookups = {self._keyring.lookup_hash(name) for submission in naming for name in submission.names}
        return [person for person in self._new if person.lookup in lookups]

    def passenger_names(self, bookings: Sequence[Booking]) -> list[PassengerName]:
        """Return the rows by which these bookings are found by family names."""
        return rows_of_bookings(bookings, self._persons, self._keyring)

    def decrypt_names(self, answer: Answer) -> Answer:
        """Return the answer as the caller gets it, with names and texts in clear."""
        text = partial(self._text, answer.subject_id)
        if self._are_in_clear or SEALED.encode() in answer.body:
            body = substitute(answer.body, self._name, text)
        else:
            body = substitute_marked(answer.body, PSEUDONYM, self._name, text)
        return msgspec.structs.replace(answer, body=body)

    def _name(self, pseudonym: str) -> str:
        # Most answers name a person that a command of this block names, so no token is decrypted.
        return self._names.get(pseudonym) or self._decrypt(People(self._persons).name_token(pseudonym))

    def _text(self, booking_id: UUID | None, text: str) -> str:
        booking = self._bookings.get(booking_id) if booking_id else None
        people = People(self._persons, {booking.id: booking.user_id} if booking else {})
        return self._decrypt(people.text_token(booking_id, text))

    def _text_for(self, booking: Booking, text: str) -> str:
        """Return a text that is sealed for the first booking of an itinerary, sealed for this booking."""
        person = self._persons.get(booking.user_id)
        itinerary_id = booking.itinerary_id
        first = (itinerary_id and _first_booking(itinerary_id, self._bookings)) or booking
        clear = self._keyring.decrypt((person and person.text_token(text, str(first.id))) or "")
        return text if person is None or not clear else self._keyring.encrypt(person, clear, str(booking.id))

    def _decrypt(self, token: str) -> str:
        text = self._keyring.decrypt(token)
        return token if text is None else text

    def _find_or_create(self, name: str) -> Person:
        lookup = self._keyring.lookup_hash(name)
        person = self._by_lookup.get(lookup)
        if person is None:
            person = self._keyring.new_person(name)
            self._new.append(person)
            self._by_lookup[lookup] = self._persons[person.person] = person
        self._names[person.person] = name
        return person

    def _sealer(self, submission: Submission, pseudonyms: Mapping[str, str]) -> Callable[[str], str] | None:
        """Return the function that seals a text for the booking's user; without a booking, for the caller."""
        if not pseudonyms or not submission.texts:
            return None
        command, caller = submission.original
        booking = _find_booking(command, self._bookings)
        person = self._persons.get(booking.user_id if booking else pseudonyms[caller.subject])
        context = str(booking.id if booking else "")
        return lambda text: self._keyring.encrypt(person or Person(""), text, context)

    def _passenger_sealer(
        self, submission: Submission, pseudonyms: Mapping[str, str]
    ) -> Callable[[str], str]:
        """Return the function that seals names of passengers for the user of the booking, new or known."""
        command, _ = submission.original
        booking = _find_booking(command, self._bookings) if isinstance(command, BookingCommand) else None
        names = (pseudonyms[getattr(command, field)] for field in name_fields(type(command)))
        person = self._persons.get(booking.user_id if booking else next(names, ""))
        return partial(self._keyring.encrypt_passenger, person or Person(""))


def _find_booking(command: Command, bookings: Mapping[UUID, Booking]) -> Any:
    if isinstance(command, SettleRefund):
        return next((b for b in bookings.values() if command.refund_id in b.refunds), None)
    if isinstance(command, ItineraryCommand):
        return _first_booking(command.itinerary_id, bookings)
    return bookings.get(getattr(command, "booking_id"))  # noqa: B009


def _first_booking(itinerary_id: UUID, bookings: Mapping[UUID, Booking]) -> Booking | None:
    """Return the booking of the itinerary with the lowest id."""
    found = (booking for booking in bookings.values() if booking.itinerary_id == itinerary_id)
    return min(found, key=lambda booking: booking.id, default=None)
