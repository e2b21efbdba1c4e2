"""The list of currencies has a date, and no code that was ever accepted is forgotten."""

from datetime import date

import msgspec
import pytest

from domain.commands.fields import Price
from domain.commands.payments import PayBooking
from domain.currencies import CODES, KNOWN, LISTED_ON, WITHDRAWN, minor_digits
from domain.money import Money

ACCEPTED = {
    2: """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY
    COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR
    ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK
    MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP
    SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER
    ZAR ZMW ZWG
    """,
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
"""Codes that a release accepted, by decimal digits. Logs have them for ever: add new ones, remove none."""


@pytest.mark.parametrize(("digits", "codes"), ACCEPTED.items())
def test_every_code_that_was_ever_accepted_keeps_its_digits(digits: int, codes: str) -> None:
    assert {code: minor_digits(code) for code in codes.split()} == dict.fromkeys(codes.split(), digits)
    assert set(codes.split()) <= KNOWN, "add a code that left the list to WITHDRAWN"


def test_every_code_that_is_accepted_now_is_among_them() -> None:
    accepted = {code for codes in ACCEPTED.values() for code in codes.split()}
    assert accepted == KNOWN, "add a new code to ACCEPTED"


def test_the_list_has_a_date_and_withdrawn_codes_are_not_on_it() -> None:
    assert date(2026, 1, 1) <= LISTED_ON
    assert not CODES & WITHDRAWN.keys()
    assert all(withdrawn.on <= LISTED_ON for withdrawn in WITHDRAWN.values())


@pytest.mark.parametrize("code", ["XAU", "XXX", "XTS", "XDR", "CHE", "CLF", "USN", "UYW", "XAD"])
def test_metals_funds_and_test_codes_are_no_currencies_of_a_price(code: str) -> None:
    assert code not in KNOWN


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("BGN", "BGN was withdrawn on 2026-01-01; use a current ISO 4217 currency code"),
        ("ABC", "Unknown ISO 4217 currency code"),
        ("gbp", r"at `\$\.currency`"),
        ("GBP\n", r"at `\$\.currency`"),
    ],
)
def test_a_new_price_has_a_current_currency(code: str, message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.json.decode(msgspec.json.encode({"amount": 1, "currency": code}), type=Price)


def test_a_payment_names_the_currency_of_its_booking_even_if_it_was_withdrawn_since() -> None:
    body = {"booking_id": "01890000-0000-7000-8000-000000000001", "user_id": "alice"}
    payment = msgspec.json.decode(
        msgspec.json.encode(body | {"total_cost": {"amount": 9_00, "currency": "BGN"}}), type=PayBooking
    )
    assert payment.total_cost == Money(9_00, "BGN")
    for wrong in ({"currency": "ABC"}, {"currency": "bgn"}, {"amount": -1}, {"amount": 2**53}, {"scale": 2}):
        cost = {"amount": 1, "currency": "BGN"} | wrong
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(msgspec.json.encode(body | {"total_cost": cost}), type=PayBooking)
