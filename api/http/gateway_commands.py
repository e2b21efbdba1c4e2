"""Commands that a gateway has a say in: begun by the ledger, and answered when they have come to rest."""

from functools import partial

from loguru import logger

from api.http.http_errors import PaymentInDoubt
from api.http.request import ApiRequest
from domain.commands import SettleRefund
from domain.refusals import Refusal
from gateways import GatewayInDoubt, GatewayRefused
from gateways.payment_processor import PaymentProcessor
from gateways.verdicts import ThroughGateway, is_at_rest, verdict
from ledger.people import known
from ledger.submission import Answer, Render, Submission


async def complete_through_gateway(
    request: ApiRequest,
    processor: PaymentProcessor,
    command: ThroughGateway,
    begun: Answer,
    render: Render,
) -> Answer:
    """What came of a command that a gateway has a say in; the first outcome, whenever it is query for.

    Raises PaymentInDoubt when the gateway does not tell in time; the ledger's Unavailable, Overloaded.
    """
    assert begun.subject_id is not None
    rested = partial(is_at_rest, command)
    found = await processor.first_terminal_state(begun.subject_id, begun.version, rested)
    if found is None:
        try:
            if isinstance(command, SettleRefund):
                await processor.settle_refund(command.refund_id, first=not begun.replayed)
            else:
                await processor.settle_payment(begun.subject_id, first=not begun.replayed)
        except (GatewayInDoubt, GatewayRefused, TimeoutError) as error:
            logger.bind(booking_id=begun.subject_id, error=repr(error)).warning("gateway.in_doubt")
        found = await processor.first_terminal_state(begun.subject_id, begun.version, rested)
    if found is None:
        raise PaymentInDoubt
    event, booking = found
    told = verdict(command, booking)
    words = Submission(
        command,
        request.caller,
        render,
        correlation_id=event.correlation_id,
        instance=request.context.instance,
    )
    status, body = render(words, told)
    async with request.ledger.read() as connection:
        people = await known(connection, [booking.user_id], [booking.id])
    body = request.ledger.opened(people.marked(body, booking.id))
    version = 0 if isinstance(told, Refusal) else booking.version
    return Answer(status, body, event.position, booking.id, version, begun.replayed)
