"""A server process, a proxy before it that can lose answers, and clients of several callers."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from random import Random

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from seatledger_client import AsyncClient, Client, Flight

from tests.client.callers import SECRET, bearer, schedule
from tests.contract.program import ProgramUnderTest
from trials.torture.proxy import Proxy

DATABASE = "of_the_client"


@pytest.fixture(scope="package")
def program(server: psycopg.Connection, server_url: str, template: str) -> Iterator[ProgramUnderTest]:
    """A server with one worker and no limits per caller, on a database that outlasts it."""
    names = sql.Identifier(DATABASE), sql.Identifier(template)
    server.execute(sql.SQL("create database {} template {} strategy file_copy").format(*names))
    program = ProgramUnderTest(
        DATABASE_URL=make_conninfo(server_url, dbname=DATABASE),
        SEATLEDGER_JWT_SECRET=SECRET,
        SEATLEDGER_WORKERS="1",
        SEATLEDGER_COMMANDS_PER_MINUTE="0",
        SEATLEDGER_UNPAID_SEATS_PER_USER="0",
    )
    try:
        program.start()
        yield program
    finally:
        program.close()


@pytest.fixture
async def proxy(program: ProgramUnderTest) -> AsyncIterator[Proxy]:
    """A proxy that finds the server also after its next start, on another port."""

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", int(program.url.rpartition(":")[2]))

    proxy = Proxy(connect, Random(5))
    try:
        yield proxy
    finally:
        await proxy.close()


@pytest.fixture
async def proxy_url(proxy: Proxy) -> str:
    return f"http://127.0.0.1:{await proxy.open()}"


@pytest.fixture
def operator(program: ProgramUnderTest) -> Iterator[Client]:
    with Client(program.url, bearer("olga", "operator")) as client:
        yield client


@pytest.fixture
def alice(program: ProgramUnderTest) -> Iterator[Client]:
    with Client(program.url, bearer("alice", "client")) as client:
        yield client


@pytest.fixture
async def alice_async(program: ProgramUnderTest) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(program.url, bearer("alice", "client")) as client:
        yield client


@pytest.fixture
def flight(operator: Client) -> Flight:
    """A flight of its own for the test."""
    return schedule(operator)
