"""Commands that the ledger begins and a payment gateway completes."""

from functools import partial

from loguru import logger

from api.http.http_errors import PaymentInDoubt
from api.http.request import ApiRequest
from domain.commands.base import ItineraryCommand
from domain.commands.payments import SettleRefund
from domain.refusals.base import Refusal
from gateways import GatewayInDoubt, GatewayRefused
from gateways.command_outcomes import GatewayCommand, command_outcome, is_settled
from gateways.payment_processor import PaymentProcessor
from ledger.people import find_people
from ledger.submission import Answer, Render, Submission


async def complete_through_gateway(
    request: ApiRequest,
    processor: PaymentProcessor,
    command: GatewayCommand,
    begun: Answer,
    render: Render,
) -> Answer:
    """Ask the gateway and return the answer for the first terminal state after the command.

    A repeated command gets the same answer, whatever happened since. Raises PaymentInDoubt if the gateway
    does not answer in time, and the ledger's Unavailable and Overloaded.
    """
    assert begun.subject_id is not None
    first_terminal_state = partial(
        processor.first_terminal_state,
        begun.subject_id,
        begun.position,
        partial(is_settled, command),
        of_itinerary=isinstance(command, ItineraryCommand),
    )
    state = await first_terminal_state()
    if state is None:
        try:
            if isinstance(command, SettleRefund):
                await processor.settle_refund(command.refund_id, first=not begun.replayed)
            else:
                await processor.settle_payment(begun.subject_id, first=not begun.replayed)
        except (GatewayInDoubt, GatewayRefused, TimeoutError) as error:
            logger.bind(booking_id=begun.subject_id, error=repr(error)).warning("gateway.in_doubt")
        state = await first_terminal_state()
    if state is None:
        raise PaymentInDoubt
    event, payable = state
    result = command_outcome(command, payable)
    submission = Submission(
        command,
        request.caller,
        render,
        correlation_id=event.correlation_id,
        instance=request.context.instance,
    )
    status, body = render(submission, result)
    async with request.ledger.read() as connection:
        people = await find_people(connection, [payable.user_id], [begun.subject_id])
    body = request.ledger.decrypt_names(people.tokenise(body, begun.subject_id))
    version = 0 if isinstance(result, Refusal) else payable.version
    return Answer(status, body, event.position, begun.subject_id, version, begun.replayed)
