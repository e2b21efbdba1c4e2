"""Selection of the gateway by the settings."""

import os
import subprocess
import sys
from uuid import uuid4

import pytest

from gateways.from_settings import SIMULATOR_KEY, gateway_key, open_gateway
from runtime.settings import Settings, WrongSetting
from tests.gateways.program import Program


def test_none_unless_one_is_named() -> None:
    assert open_gateway(Settings()) is None


@pytest.mark.parametrize("name", ["simulator", "stripe"])
async def test_it_has_the_name_that_was_asked_for(name: str) -> None:
    gateway = open_gateway(Settings(gateway=name, gateway_url="http://127.0.0.1:1", gateway_key="k"))
    assert gateway is not None
    assert gateway.name == name
    await gateway.close()


async def test_the_simulator_is_reached_without_a_key_of_ones_own(simulator: Program) -> None:
    gateway = open_gateway(Settings(gateway="simulator", gateway_url=simulator.url))
    assert gateway is not None
    assert await gateway.find(uuid4()) == []
    await gateway.close()


def test_a_simulator_without_url_is_refused() -> None:
    with pytest.raises(WrongSetting, match="SEATLEDGER_GATEWAY_URL"):
        open_gateway(Settings(gateway="simulator"))


def test_the_api_reports_it_once_in_one_line(database_url: str) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "cli.main", "api"],
        env=os.environ | {"DATABASE_URL": database_url, "SEATLEDGER_GATEWAY": "simulator"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert told.returncode == 2
    assert told.stderr.count("\n") == 1
    assert "SEATLEDGER_GATEWAY_URL" in told.stderr


def test_keys() -> None:
    assert gateway_key(Settings()) == SIMULATOR_KEY
    assert gateway_key(Settings(gateway="stripe", gateway_key="k")) == "k"
    with pytest.raises(WrongSetting, match="SEATLEDGER_GATEWAY_KEY"):
        gateway_key(Settings(gateway="stripe"))
