"""Command `gateway`: the simulator of a payment gateway, alone."""

import json as json_text
import sqlite3
from pathlib import Path
from typing import Any

from cli.listen_port import require_free
from cli.options import JSON, add
from gateways.from_settings import gateway_key
from gateways.simulator.serve import serve
from runtime.settings import Settings


def register(commands: Any) -> None:
    command = add(commands, "gateway", gateway, "run the payment gateway simulator alone", [JSON])
    command.add_argument(
        "--host", dest="listen_host", default="127.0.0.1", help="address to listen on (127.0.0.1)"
    )
    command.add_argument(
        "--port",
        dest="listen_port",
        type=int,
        default=8100,
        help="port to listen on (8100; 0: any free port)",
    )
    command.add_argument(
        "--store", type=Path, required=True, metavar="FILE", help="the simulator's database file"
    )


def gateway(settings: Settings, listen_host: str, listen_port: int, store: Path, json: bool) -> int:
    """Run the gateway simulator until SIGTERM or SIGINT."""

    def ready(url: str) -> None:
        print(json_text.dumps({"ready": url}) if json else f"ready {url}", flush=True)

    if listen_port:
        require_free(listen_host, listen_port)
    try:
        serve(store, gateway_key(settings), listen_host, listen_port, ready)
    except sqlite3.Error as problem:
        raise OSError(f"the store {store}: {problem}") from None
    return 0
