"""A stream of NATS JetStream that holds the log: position N of the log is sequence N of the stream.

The server stores a message only if its `Nats-Expected-Last-Sequence` is the last sequence of the stream. So
nothing is stored twice or out of order, whatever is sent again and however many feeds run. The message id
drops repeats too, but only within the window of the server.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import nats
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError

from runtime.failures import CommandFailed

ANSWER_SECONDS = 5.0
CONNECT_SECONDS = 2.0
WRONG_LAST_SEQUENCE = 10071
"""Error code of the server: the stream has grown, or did not store the message before."""

TRANSIENT: tuple[type[Exception], ...] = (NatsError, OSError, TimeoutError)


class StreamRefused(CommandFailed):
    """The stream holds something else than this log."""


class Interrupted(Exception):
    """The connection to the server ended, or another feed published: read the stream again."""


class Message(NamedTuple):
    """One event to publish."""

    position: int
    topic: str
    body: bytes
    media_type: str


@dataclass
class JetStream:
    """One stream on an open connection."""

    name: str
    prefix: str
    context: JetStreamContext
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def establish(self) -> None:
        """Create the stream if there is none of this name. An existing one keeps its limits and replicas."""
        try:
            await self.context.stream_info(self.name)
        except NotFoundError:
            subjects = [f"{self.prefix}.>"]
            config = StreamConfig(name=self.name, subjects=subjects, storage=StorageType.FILE)
            try:
                await self.context.add_stream(config)
            except APIError as error:
                raise StreamRefused(
                    f"the stream {self.name} cannot be created: {error.description}"
                ) from None

    async def position(self) -> int:
        """Return the last sequence, which is kept even when messages have expired."""
        return int((await self.context.stream_info(self.name)).state.last_seq)

    async def find(self, position: int) -> bytes | None:
        """Return the message of a position; None if the stream no longer has it."""
        try:
            body: bytes | None = (await self.context.get_msg(self.name, position)).data
        except NotFoundError:
            return None
        return body

    async def publish(self, messages: Sequence[Message]) -> None:
        """Publish these in order, and wait until all are stored.

        Raises Interrupted, NatsError, StreamRefused.
        """
        sent = [await self._send(message) for message in messages]
        stored: asyncio.Future[list[Any]] = asyncio.gather(*sent)
        closing = asyncio.ensure_future(self.closed.wait())
        both: set[asyncio.Future[Any]] = {stored, closing}
        try:
            await asyncio.wait(both, timeout=ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not stored.done():
                raise Interrupted("no acknowledgement: the connection ended or the server is silent")
            acknowledged = stored.result()
        except APIError as error:
            if error.err_code != WRONG_LAST_SEQUENCE:
                raise
            raise Interrupted(f"another last sequence: {error.description}") from None
        finally:
            stored.cancel()
            closing.cancel()
            await asyncio.gather(stored, closing, return_exceptions=True)
        for message, found in zip(messages, acknowledged, strict=True):
            if found.seq != message.position:
                raise StreamRefused(f"position {message.position} became sequence {found.seq} of {self.name}")

    async def _send(self, message: Message) -> Any:
        headers = {
            "Nats-Msg-Id": str(message.position),
            "Nats-Expected-Last-Sequence": str(message.position - 1),
            "content-type": message.media_type,
        }
        subject = f"{self.prefix}.{message.topic}"
        return await self.context.publish_async(
            subject, message.body, wait_stall=ANSWER_SECONDS, stream=self.name, headers=headers
        )


@asynccontextmanager
async def connected(
    url: str, name: str, prefix: str, credentials: Path | None = None
) -> AsyncIterator[JetStream]:
    """Yield the stream on a new connection. It does not reconnect: its end is the end of a session.

    Raises NatsError, OSError, TimeoutError.
    """
    closed = asyncio.Event()

    async def close() -> None:
        closed.set()

    async def ignore(error: Exception) -> None:
        """Leave errors of the connection to the calls that fail by them; the library would log each."""

    async with asyncio.timeout(ANSWER_SECONDS):
        connection = await nats.connect(
            url.split(","),
            name="seatledger feed",
            allow_reconnect=False,
            max_reconnect_attempts=1,
            connect_timeout=CONNECT_SECONDS,
            closed_cb=close,
            disconnected_cb=close,
            error_cb=ignore,
            **({"user_credentials": str(credentials)} if credentials else {}),
        )
    try:
        yield JetStream(name, prefix, connection.jetstream(timeout=ANSWER_SECONDS), closed)
    finally:
        await connection.close()
