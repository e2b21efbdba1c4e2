"""Consistency of the container files, checked without a container engine."""

import re
import shlex
import subprocess
import sys
import tomllib

import psycopg
import pytest
import yaml

from .conftest import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "seatledger"}
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_there_is_a_service_for_each_part():
    assert set(SERVICES) == {"database", "migrate", "api", "scheduler"}
    assert {name: service["command"] for name, service in OURS.items()} == {
        "migrate": ["migrate"],
        "api": ["api"],
        "scheduler": ["scheduler"],
    }


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_one_of_the_program(name):
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *SERVICES[name]["command"], "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_runs_once_or_restarts_and_tells_its_health(name):
    service = SERVICES[name]
    if service["restart"] == "no":
        assert name == "migrate"
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] == "CMD"


def test_the_parts_start_in_order():
    assert SERVICES["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    for name in ("api", "scheduler"):
        assert SERVICES[name]["depends_on"] == {
            "database": {"condition": "service_healthy"},
            "migrate": {"condition": "service_completed_successfully"},
        }


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_have_no_defaults(name):
    secrets = {
        key: value
        for key, value in SERVICES[name]["environment"].items()
        if re.search("PASSWORD|SECRET", key)
    }
    assert secrets
    assert all(re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", value) for value in secrets.values())
    assert "password" not in SERVICES[name]["environment"].get("DATABASE_URL", "")


@pytest.mark.parametrize("name", OURS)
def test_the_program_can_change_nothing_in_its_container(name):
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert re.search(r"^USER [1-9][0-9]*:[1-9][0-9]*$", DOCKERFILE, re.MULTILINE)


def test_signed_checkpoints_outlive_the_container():
    environment, (volume,) = SERVICES["scheduler"]["environment"], SERVICES["scheduler"]["volumes"]
    name, folder = volume.split(":")
    assert name in COMPOSE["volumes"]
    assert environment["SEATLEDGER_DATA"] == folder
    assert environment["SEATLEDGER_CHECKPOINTS"].startswith(folder + "/")
    # A new volume takes over the owner of the folder that it covers.
    user, group = re.search(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE).groups()
    assert f"install -d -o {user} -g {group} -m 700 {folder}" in DOCKERFILE
    assert environment["DATABASE_URL"] == SERVICES["api"]["environment"]["DATABASE_URL"]


def test_the_image_holds_every_package_and_nothing_that_is_not_there():
    sources = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE)
    assert all((ROOT / source).exists() for source in sources)
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    assert set(sources) == {"requirements.lock", *(name.rstrip("*") for name in packages["include"])}
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert all(f"!{source}" in ignored for source in sources)


def test_the_image_starts_the_program_as_run_py_does():
    entry = re.search(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.MULTILINE).group(1)
    assert yaml.safe_load(entry) == shlex.split("python -P -m cli.main")


def test_the_schedulers_health_check_tells_a_living_one_from_a_dead_one(database_url):
    check = [sys.executable, *SERVICES["scheduler"]["healthcheck"]["test"][2:]]

    def code():
        return subprocess.run(check, env={"DATABASE_URL": database_url}, stderr=subprocess.DEVNULL).returncode

    assert code() != 0
    with psycopg.connect(database_url) as connection:
        connection.execute("insert into ledger.heartbeats values ('scheduler', now())")
    assert code() == 0
    with psycopg.connect(database_url) as connection:
        connection.execute("update ledger.heartbeats set at = now() - interval '1 minute'")
    assert code() != 0
