"""The simulator's wire format: answers for Stripe's library, idempotency keys, wrong requests."""

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
import stripe

from gateways.stripe_http import StripeHttpClient
from tests.gateways.program import KEY, Program

AUTHORISED = {"Authorization": f"Bearer {KEY}"}


def form(**changed: str) -> dict[str, str]:
    return {
        "amount": "500",
        "currency": "inr",
        "payment_method": "pm_card_visa",
        "allowed_payment_method_types[0]": "card",
        "confirm": "true",
        "capture_method": "manual",
        "error_on_requires_action": "true",
        "metadata[seatledger_payment]": str(uuid4()),
    } | changed


def post(simulator: Program, path: str, body: Any, key: str | None = None, **headers: str) -> httpx.Response:
    keyed = {"Idempotency-Key": key} if key else {}
    content = {"data": body} if isinstance(body, dict) else {"content": body}
    return simulator.ask("POST", path, headers=AUTHORISED | keyed | headers, **content)


def error(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()["error"]
    return found


async def test_stripes_library_reads_the_used_fields(simulator: Program) -> None:
    carrier = StripeHttpClient(4)
    client = stripe.StripeClient(KEY, base_addresses={"api": simulator.url}, http_client=carrier)
    name = post(simulator, "/v1/payment_intents", form()).json()["id"]

    intent = await client.v1.payment_intents.retrieve_async(name)
    assert isinstance(intent, stripe.PaymentIntent)
    assert (intent.id, intent.status, intent.amount, intent.currency) == (
        name,
        "requires_capture",
        500,
        "inr",
    )
    assert (intent.amount_capturable, intent.amount_received, intent.last_payment_error) == (500, 0, None)

    taken = await client.v1.payment_intents.capture_async(name)
    assert (taken.status, taken.amount_capturable, taken.amount_received) == ("succeeded", 0, 500)
    assert taken.last_response is not None
    assert taken.last_response.request_id.startswith("req_")

    for _ in range(3):
        refund = await client.v1.refunds.create_async({"payment_intent": name, "amount": 1})
        assert isinstance(refund, stripe.Refund)
        assert (refund.status, refund.payment_intent, refund.currency) == ("succeeded", name, "inr")
    page = await client.v1.refunds.list_async({"payment_intent": name, "limit": 2})
    assert page.has_more
    assert len([row async for row in page.auto_paging_iter()]) == 3
    assert (await client.v1.refunds.retrieve_async(refund.id)).amount == 1

    with pytest.raises(stripe.CardError) as declined:
        await client.v1.payment_intents.create_async(
            {
                "amount": 500,
                "currency": "inr",
                "payment_method": "pm_card_chargeDeclined",
                "allowed_payment_method_types": ["card"],
                "confirm": True,
                "capture_method": "manual",
                "error_on_requires_action": True,
            }
        )
    error = declined.value.error
    assert error is not None
    assert (error.type, error.code, error.decline_code) == (
        "card_error",
        "card_declined",
        "generic_decline",
    )
    assert error.payment_intent.status == "requires_payment_method"
    assert error.payment_intent.last_payment_error.decline_code == "generic_decline"
    await carrier.close_async()


def test_the_same_key_and_the_same_parameters_are_answered_alike(simulator: Program) -> None:
    body, key = form(), str(uuid4())
    first, second = (post(simulator, "/v1/payment_intents", body, key) for _ in range(2))
    assert first.content == second.content
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert first.headers["Request-Id"] != second.headers["Request-Id"]


def test_a_decline_is_kept_under_its_key_too(simulator: Program) -> None:
    body, key = form(payment_method="pm_card_chargeDeclined"), str(uuid4())
    first, second = (post(simulator, "/v1/payment_intents", body, key) for _ in range(2))
    assert first.status_code == second.status_code == 402
    assert first.content == second.content
    assert len(simulator.intents(body["metadata[seatledger_payment]"])) == 1


def test_a_request_that_was_wrong_leaves_its_key_free(simulator: Program) -> None:
    key = str(uuid4())
    assert post(simulator, "/v1/payment_intents", form(amount="-1"), key).status_code == 400
    assert post(simulator, "/v1/payment_intents", form(), key).status_code == 200


def test_the_same_key_with_other_parameters_or_elsewhere_is_an_error(simulator: Program) -> None:
    key, other = str(uuid4()), str(uuid4())
    name = post(simulator, "/v1/payment_intents", form(), key).json()["id"]
    for path, body in (
        ("/v1/payment_intents", form()),
        (f"/v1/payment_intents/{name}/capture", {}),
        ("/v1/refunds", {"payment_intent": name}),
    ):
        answer = post(simulator, path, body, key)
        assert (answer.status_code, error(answer)["type"]) == (400, "idempotency_error")
    assert post(simulator, f"/v1/payment_intents/{name}/capture", {}, other).status_code == 200
    answer = post(simulator, f"/v1/payment_intents/{name}/cancel", {}, other)
    assert error(answer)["type"] == "idempotency_error"


def test_the_same_key_at_the_same_time_is_carried_out_once(simulator: Program) -> None:
    simulator.switch(late={"chance": 1, "seconds": 0.3})
    body, key = form(), str(uuid4())
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: post(simulator, "/v1/payment_intents", body, key), range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert {error(answer)["code"] for answer in answers if answer.is_error} == {"idempotency_key_in_use"}
    assert len(simulator.intents(body["metadata[seatledger_payment]"])) == 1


def test_a_request_delivered_twice_is_answered_by_the_second(simulator: Program) -> None:
    simulator.switch(twice={"chance": 1})
    answer = post(simulator, "/v1/payment_intents", form(), str(uuid4()))
    assert answer.headers["Idempotent-Replayed"] == "true"
    body = form()
    post(simulator, "/v1/payment_intents", body)
    assert len(simulator.intents(body["metadata[seatledger_payment]"])) == 2


@pytest.mark.parametrize("switches", [{"down": True}, {"lose": {"chance": 1}}])
def test_a_cut_connection_is_no_answer_at_all(simulator: Program, switches: dict[str, Any]) -> None:
    simulator.switch(**switches)
    body = form()
    with pytest.raises(httpx.TransportError):
        post(simulator, "/v1/payment_intents", body)
    done = 1 if "lose" in switches else 0
    assert len(simulator.intents(body["metadata[seatledger_payment]"])) == done


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer wrong",
        f"Bearer {KEY}x",
        f"Digest {KEY}",
        "Basic ###",
        basic("wrong:"),
        basic(":"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/refunds/x", "/books", "/switches"])
def test_nothing_without_the_key(simulator: Program, given: str, path: str) -> None:
    answer = simulator.ask("GET", path, headers={"Authorization": given})
    assert answer.status_code == 401
    assert KEY not in answer.text


def test_the_key_as_a_user_name(simulator: Program) -> None:
    assert simulator.ask("GET", "/books", headers={"Authorization": basic(f"{KEY}:")}).status_code == 200


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"amount": ""}, "parameter_missing"),
        ({"amount": "0"}, "parameter_invalid_integer"),
        ({"amount": "-5"}, "parameter_invalid_integer"),
        ({"amount": "1e3"}, "parameter_invalid_integer"),
        ({"amount": "٣"}, "parameter_invalid_integer"),
        ({"amount": "9" * 5000}, "parameter_invalid_integer"),
        ({"currency": "INR"}, "parameter_invalid"),
        ({"currency": "xyz"}, "parameter_invalid"),
        ({"payment_method": "pm_card_none"}, "resource_missing"),
        ({"payment_method_types[0]": "card"}, "payment_method_types_no_longer_supported"),
        ({"confirm": "false"}, "parameter_invalid"),
        ({"colour": "red"}, "parameter_unknown"),
        ({"metadata[" + "n" * 41 + "]": "x"}, "parameter_invalid"),
        ({"metadata[n]": "x" * 501}, "parameter_invalid"),
        ({"metadata[n]": "\0"}, "parameter_invalid"),
    ],
)
def test_a_wrong_parameter_is_named(simulator: Program, changed: dict[str, str], code: str) -> None:
    body = form(**changed)
    answer = post(simulator, "/v1/payment_intents", body)
    assert (answer.status_code, error(answer)["code"]) == (400, code)
    assert simulator.intents(body["metadata[seatledger_payment]"]) == []


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe\x00",
        b"amount",
        b"amount=%FF",
        b"amount=1&amount=2",
        b"&".join(b"a%d=1" % number for number in range(1000)),
        b'{"amount": 500}',
        b"metadata[n]=%ED%A0%80",
    ],
)
def test_a_body_that_is_no_form_is_refused(simulator: Program, body: bytes) -> None:
    answer = post(simulator, "/v1/payment_intents", body)
    assert (answer.status_code, error(answer)["type"]) == (400, "invalid_request_error")


def test_hostile_requests_are_the_callers_fault(simulator: Program) -> None:
    injection = "' or 1=1 --"
    answers = {
        "too large": post(simulator, "/v1/payment_intents", b"a=" + b"x" * 100_000),
        "no such route": simulator.ask("GET", "/v1/charges"),
        "no such method": simulator.ask("DELETE", "/v1/refunds"),
        "long key": post(simulator, "/v1/payment_intents", form(), "k" * 256),
        "unknown intent": simulator.ask("GET", f"/v1/payment_intents/{injection}"),
        "unknown refund": simulator.ask("GET", "/v1/refunds/%00"),
        "capture nothing": post(simulator, "/v1/payment_intents/%F0%9F%92%A9/capture", {}),
        "no query": simulator.ask("GET", "/v1/payment_intents/search"),
        "another query": simulator.ask("GET", f"/v1/payment_intents/search?query={injection}"),
        "limit": simulator.ask("GET", "/v1/payment_intents/search?query=metadata['a']:'b'&limit=101"),
        "broken path": simulator.ask("GET", "/v1/refunds/%ff%fe"),
    }
    assert answers["too large"].status_code == 413
    assert {
        what: answer.status_code for what, answer in answers.items() if answer.status_code // 100 != 4
    } == {}
    assert all(error(answer)["message"] for answer in answers.values())


@pytest.mark.parametrize(
    "body",
    [b"", b"no", b"[]", b'{"slow": 1}', b'{"fail": {"chance": 2}}', b'{"fial": {}}', b"[" * 60_000],
)
def test_switches_that_there_are_not(simulator: Program, body: bytes) -> None:
    answer = simulator.ask("PUT", "/switches", headers=AUTHORISED, content=body)
    assert (answer.status_code, error(answer)["type"]) == (400, "invalid_request_error")


def test_switches_can_be_read_and_omitted_ones_are_off(simulator: Program) -> None:
    simulator.switch(lose={"chance": 0.5}, search_lag=2)
    assert simulator.ask("GET", "/switches").json()["lose"] == {"chance": 0.5}
    simulator.switch(fail={"chance": 1})
    shown = simulator.ask("GET", "/switches").json()
    assert (shown["lose"], shown["fail"], shown["search_lag"]) == ({"chance": 0.0}, {"chance": 1.0}, 0.0)


def test_the_totals_are_the_sums_of_the_rows(simulator: Program) -> None:
    for currency in ("inr", "eur"):
        name = post(simulator, "/v1/payment_intents", form(currency=currency)).json()["id"]
        post(simulator, f"/v1/payment_intents/{name}/capture", {})
        post(simulator, "/v1/refunds", {"payment_intent": name, "amount": "3"})
        post(simulator, "/v1/payment_intents", form(currency=currency))
    books = simulator.books()
    refunds = {intent["id"]: 0 for intent in books["intents"]}
    for refund in books["refunds"]:
        refunds[refund["intent"]] += refund["amount"]
    assert refunds == {intent["id"]: intent["refunded"] for intent in books["intents"]}
    for total in books["totals"]:
        rows = [intent for intent in books["intents"] if intent["currency"] == total["currency"]]
        held = [intent["amount"] for intent in rows if intent["status"] == "requires_capture"]
        assert total == {
            "currency": total["currency"],
            "intents": len(rows),
            "held": sum(held),
            "captured": sum(intent["captured"] for intent in rows),
            "refunded": sum(intent["refunded"] for intent in rows),
        }
