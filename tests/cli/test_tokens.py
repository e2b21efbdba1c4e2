"""The secret that signs tokens is generated once, private, and the same for all programs."""

from pathlib import Path

import jwt
import pytest

import cli.tokens
import runtime.secret_files
from cli.tokens import SECRET_FILE, jwt_secret, sign_token, token
from runtime.settings import Settings, WrongSetting

NOON = 1_900_000_000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


def test_a_secret_is_made_once_and_kept(settings: Settings) -> None:
    made = jwt_secret(settings)
    assert len(made) >= 32
    assert jwt_secret(settings) == made


def test_a_secret_that_is_set_is_not_made(settings: Settings) -> None:
    assert jwt_secret(Settings(data=settings.data, jwt_secret="set")) == "set"
    assert not settings.data.exists()


def test_the_secret_is_private_and_no_draft_remains(settings: Settings) -> None:
    jwt_secret(settings)
    (file,) = settings.data.iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == (SECRET_FILE, 0o600)


def test_of_two_programs_that_start_at_once_one_secret_wins(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = runtime.secret_files._write_private

    def write_while_another_is_faster(path: Path, text: str) -> None:
        write(path, text)
        write(settings.data / SECRET_FILE, "the other's")

    monkeypatch.setattr(runtime.secret_files, "_write_private", write_while_another_is_faster)
    assert jwt_secret(settings) == jwt_secret(settings) == "the other's"
    assert [file.name for file in settings.data.iterdir()] == [SECRET_FILE]


def test_a_token_ends_after_its_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.tokens.time, "time", lambda: NOON)
    printed = sign_token("k" * 32, "alice", ["client"], minutes=5)
    claims = jwt.decode(printed, "k" * 32, algorithms=["HS256"], options={"verify_exp": False})
    assert claims == {"sub": "alice", "roles": ["client"], "exp": NOON + 300}


def test_a_token_names_issuer_and_audience_of_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(data=tmp_path, jwt_secret="k" * 32, jwt_issuer="desk", jwt_audience="ledger")
    assert token(settings, "alice", ["client"], 5) == 0
    printed = capsys.readouterr().out.strip()
    claims = jwt.decode(printed, "k" * 32, algorithms=["HS256"], issuer="desk", audience="ledger")
    assert (claims["sub"], claims["iss"], claims["aud"]) == ("alice", "desk", "ledger")


@pytest.mark.parametrize("minutes", [0, -1, 525_601])
def test_a_token_lasts_from_a_minute_to_a_year(
    settings: Settings, minutes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(WrongSetting, match="--minutes"):
        token(settings, "alice", ["client"], minutes)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("sub", ["", "a\nb", "x" * 256, "seatledger"])
def test_a_subject_that_the_api_refuses_gets_no_token(tmp_path: Path, sub: str) -> None:
    with pytest.raises(WrongSetting, match="--sub"):
        token(Settings(data=tmp_path), sub, ["client"], 60)


def test_where_others_hold_the_keys_there_is_no_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(WrongSetting, match="SEATLEDGER_JWKS_FILE"):
        token(Settings(data=tmp_path, jwks_file=tmp_path / "jwks.json"), "alice", ["client"], 60)
    assert capsys.readouterr().out == ""
