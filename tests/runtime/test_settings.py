"""Settings: read from the environment or `.env`; a wrong value is one clear line without secrets."""

from pathlib import Path

import pytest

from runtime.environment import as_environment, read_settings, unknown_variables
from runtime.settings import SETTINGS, Settings, WrongSetting


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_nothing_set_means_the_defaults() -> None:
    assert read_settings({}) == Settings()


def test_the_environment_wins_over_the_file_and_options_over_both() -> None:
    Path(".env").write_text("# ours\nexport SEATLEDGER_PORT=1\nSEATLEDGER_HOST='::1'\nSEATLEDGER_WORKERS=3\n")
    settings = read_settings({"SEATLEDGER_PORT": "2", "SEATLEDGER_WORKERS": "4"}, workers=5)
    assert (settings.port, settings.host, settings.workers) == (2, "::1", 5)


def test_an_empty_cron_means_never_and_other_empty_values_mean_unset() -> None:
    settings = read_settings({"SEATLEDGER_SWEEP_CRON": "", "SEATLEDGER_PORT": "", "DATABASE_URL": ""})
    assert (settings.sweep_cron, settings.port, settings.database_url) == ("", 8000, None)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SEATLEDGER_PORT", "0"),
        ("SEATLEDGER_PORT", "eighty"),
        ("SEATLEDGER_PORT", "٨٠٨٠"),
        ("SEATLEDGER_WORKERS", "-1"),
        ("SEATLEDGER_HOLD_SECONDS", "0"),
        ("SEATLEDGER_SWEEP_CRON", "now and then"),
        ("SEATLEDGER_JWKS_FILE", "/nowhere"),
        ("SEATLEDGER_LOG_FORMAT", "xml"),
        ("SEATLEDGER_LOG_LEVEL", "LOUD"),
        ("SEATLEDGER_DEADLINE_SECONDS", "nan"),
        ("DATABASE_URL", "mysql://x"),
        ("SEATLEDGER_GATEWAY", "paypal"),
        ("SEATLEDGER_GATEWAY", "Stripe"),
        ("SEATLEDGER_GATEWAY_URL", "127.0.0.1:8100"),
        ("SEATLEDGER_GATEWAY_URL", "ftp://x"),
        ("SEATLEDGER_GATEWAY_URL", "http://"),
        ("SEATLEDGER_GATEWAY_URL", "http://x:99999"),
        ("SEATLEDGER_GATEWAY_URL", "http://[x"),
        ("SEATLEDGER_GATEWAY_URL", "https://user@x"),
        ("SEATLEDGER_GATEWAY_URL", "https://x/v1"),
        ("SEATLEDGER_GATEWAY_SECONDS", "0"),
        ("SEATLEDGER_GATEWAY_KEY", "two words"),
        ("SEATLEDGER_CHECKPOINTS", "ftp://x"),
        ("SEATLEDGER_CHECKPOINTS", "https://"),
        ("SEATLEDGER_CHECKPOINTS", "https://x/a b"),
        ("SEATLEDGER_CHECKPOINTS", "https://x/#part"),
        ("SEATLEDGER_CHECKPOINT_KEY", "/nowhere"),
        ("SEATLEDGER_CHECKPOINT_EVENTS", "0"),
        ("SEATLEDGER_PRIVATE_AIRPORTS", "xxa"),
        ("SEATLEDGER_PRIVATE_AIRPORTS", "XXA=Nowhere/Land"),
        ("SEATLEDGER_PRIVATE_AIRPORTS", "XXA=../../etc/passwd"),
        ("SEATLEDGER_PRIVATE_AIRPORTS", "XXA=UTC,XXA=Europe/Paris"),
        ("SEATLEDGER_CHECKPOINT_SECONDS", "0"),
    ],
)
def test_a_wrong_value_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(WrongSetting, match=variable) as wrong:
        read_settings({variable: value})
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(("name", "value"), [("port", 0), ("port", 99_999), ("workers", -1), ("workers", 65)])
def test_a_command_line_option_has_the_limits_of_its_variable(name: str, value: int) -> None:
    with pytest.raises(WrongSetting, match=f"^--{name}='{value}': must be a whole number from 1 to") as wrong:
        read_settings({}, **{name: value})
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SEATLEDGER_JWT_SECRET", "hunter2"),
        ("DATABASE_URL", "hunter2"),
        ("SEATLEDGER_GATEWAY_KEY", "hunter2\n"),
        ("SEATLEDGER_CHECKPOINTS", "https://us:hunter2@x/"),
    ],
)
def test_a_wrong_secret_is_not_shown(variable: str, value: str) -> None:
    with pytest.raises(WrongSetting) as wrong:
        read_settings({variable: value})
    assert "hunter2" not in str(wrong.value)


STRIPE = {"SEATLEDGER_GATEWAY": "stripe", "SEATLEDGER_GATEWAY_KEY": "sk_hunter2"}


def test_stripe_needs_a_key() -> None:
    with pytest.raises(WrongSetting, match="SEATLEDGER_GATEWAY_KEY"):
        read_settings({"SEATLEDGER_GATEWAY": "stripe"})
    settings = read_settings(STRIPE)
    assert settings.gateway_key == "sk_hunter2"
    assert "hunter2" not in repr(settings)


def test_the_key_to_real_money_never_travels_in_the_clear() -> None:
    with pytest.raises(WrongSetting, match="SEATLEDGER_GATEWAY_URL"):
        read_settings(STRIPE | {"SEATLEDGER_GATEWAY_URL": "http://stripe.example"})
    for url in ("http://127.0.0.1:8100", "http://[::1]:8100", "https://stripe.example"):
        assert read_settings(STRIPE | {"SEATLEDGER_GATEWAY_URL": url + "/"}).gateway_url == url
    simulator = {"SEATLEDGER_GATEWAY": "simulator", "SEATLEDGER_GATEWAY_URL": "http://gateway:8100"}
    assert read_settings(simulator).gateway_url == "http://gateway:8100"


def test_a_mistyped_variable_is_named_with_the_nearest_setting() -> None:
    Path(".env").write_text("SEATLEDGER_HOLD_SECOND=9\n")
    environment = {"SEATLEDGER_PROT": "1", "SEATLEDGER_XYZ": "1", "SEATLEDGER_PORT": "2", "PATH": "/bin"}
    assert unknown_variables(environment) == {
        "SEATLEDGER_HOLD_SECOND": "SEATLEDGER_HOLD_SECONDS",
        "SEATLEDGER_PROT": "SEATLEDGER_PORT",
        "SEATLEDGER_XYZ": None,
    }


def test_no_setting_and_no_variable_of_the_tests_is_unknown() -> None:
    names = [setting.variable for setting in SETTINGS.values()]
    assert unknown_variables(dict.fromkeys([*names, "SEATLEDGER_TEST_PATH"], "1")) == {}


def test_private_airports_have_a_zone_and_reach_child_processes() -> None:
    settings = read_settings({"SEATLEDGER_PRIVATE_AIRPORTS": "XXA=Europe/Paris, XXB"})
    assert settings.private_airports == ("XXA=Europe/Paris", "XXB=UTC")
    assert read_settings(as_environment(settings)).private_airports == settings.private_airports
