"""Checkpoints are delivered to a durable file or to a URL."""

import http.server
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.proofs.checkpoint import Checkpoint, sign
from audit.proofs.checkpoint_file import append_checkpoints, read_checkpoints, read_last_checkpoint
from audit.proofs.not_proved import NotProved
from audit.proofs.publishing import NotDelivered, post, read_last_delivered


@pytest.fixture
def three(key: Ed25519PrivateKey) -> list[Checkpoint]:
    return [sign(key, n, bytes(32), bytes(32), f"2030-01-01T00:00:0{n}.000000Z") for n in (1, 2, 3)]


def test_a_file_is_created_and_grows(tmp_path: Path, three: list[Checkpoint]) -> None:
    path = tmp_path / "checkpoints"
    assert read_last_checkpoint(path) is None
    append_checkpoints(path, three[:1])
    append_checkpoints(path, three)
    assert read_checkpoints(path) == three
    assert read_last_checkpoint(path) == three[-1]
    append_checkpoints(path, three[:2])
    assert read_checkpoints(path) == three


def test_an_appended_checkpoint_is_on_disk(
    tmp_path: Path, three: list[Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    append_checkpoints(tmp_path / "checkpoints", three)
    assert synced == [str(tmp_path / "checkpoints"), str(tmp_path)]


def test_a_line_that_a_crash_cut_short_is_written_again(tmp_path: Path, three: list[Checkpoint]) -> None:
    path = tmp_path / "checkpoints"
    append_checkpoints(path, three[:2])
    whole = path.read_bytes()
    for torn in (1, 5, 20, len(three[1].line()) - 1):
        path.write_bytes(whole[:-torn])
        assert read_checkpoints(path) == three[:1]
        append_checkpoints(path, three)
        assert read_checkpoints(path) == three


def test_a_file_of_the_user_is_not_touched(tmp_path: Path, three: list[Checkpoint]) -> None:
    path = tmp_path / "notes"
    for content in (b"my notes", b"my notes\n", b"{}\n"):
        path.write_bytes(content)
        with pytest.raises(NotProved):
            append_checkpoints(path, three)
        assert path.read_bytes() == content


@pytest.mark.parametrize("rubbish", [b"\n", b"{}\n", b"rubbish\r", b"{"])
def test_a_file_is_read_strictly(tmp_path: Path, three: list[Checkpoint], rubbish: bytes) -> None:
    path = tmp_path / "checkpoints"
    append_checkpoints(path, three)
    content = path.read_bytes()
    path.write_bytes(rubbish + content)
    with pytest.raises(NotProved, match="line 1"):
        read_checkpoints(path)


def test_the_layout_of_a_line_does_not_count(tmp_path: Path, three: list[Checkpoint]) -> None:
    path = tmp_path / "checkpoints"
    path.write_text("".join(f" {json.dumps(asdict(one), sort_keys=True)}\r\n" for one in three))
    assert read_checkpoints(path) == three
    assert read_last_checkpoint(path) == three[-1]


class Taker(http.server.BaseHTTPRequestHandler):
    """A sink that accepts checkpoints, or answers with `status`."""

    status = 204
    taken: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.status < 300:
            self.taken.append(json.loads(body))
        self.send_response(self.status)
        self.send_header("location", "/elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Board:
    """A real HTTP server that can be unreachable."""

    def __init__(self) -> None:
        self.handler = type("handler", (Taker,), {"taken": []})
        self.port = 0
        self.open()

    def open(self) -> None:
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), self.handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/board?token=hunter2"

    @property
    def positions(self) -> list[int]:
        return [taken["position"] for taken in self.handler.taken]


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board()
    yield board
    board.close()


def test_a_url_gets_a_post(board: Board, three: list[Checkpoint]) -> None:
    post(board.url, three[0])
    assert board.handler.taken == [json.loads(three[0].line())]


@pytest.mark.parametrize("status", [302, 400, 500])
def test_only_a_success_status_counts(board: Board, three: list[Checkpoint], status: int) -> None:
    board.handler.status = status
    with pytest.raises(NotDelivered, match=str(status)) as problem:
        post(board.url, three[0])
    assert "hunter2" not in str(problem.value)


async def test_a_url_has_no_last_checkpoint(log: list[UUID], tmp_path: Path, sign: Any) -> None:
    assert await read_last_delivered("http://127.0.0.1:1/") is None
    append_checkpoints(tmp_path / "file", [await sign()])
    last = await read_last_delivered(str(tmp_path / "file"))
    assert last
    assert last.position == 8
