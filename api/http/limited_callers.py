"""Report of callers that meet a limit: a warning and a metric, once a minute for each caller and limit."""

from contextlib import suppress

from loguru import logger

from api.http import metrics
from api.http.request import ApiRequest
from ledger.people import pseudonyms_of
from ledger.submission import Overloaded, Unavailable


async def report_limited(request: ApiRequest, limit: str) -> None:
    """Report that the caller of this request met the limit. The log names it by its pseudonym."""
    if not request.shared.limits.is_first_in_minute(limit, request.caller):
        return
    metrics.count_limited(limit)
    name, pseudonym = request.caller.subject, None
    with suppress(Unavailable, Overloaded):
        async with request.ledger.read() as connection:
            pseudonym = (await pseudonyms_of(connection, request.ledger.keyring, [name]))[name]
    context = request.context
    # A caller without a recorded command has no pseudonym.
    logger.bind(limit=limit, caller=pseudonym or "unknown", request_id=context.request_id).warning(
        "caller.limited"
    )
