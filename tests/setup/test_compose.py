"""Consistency of the container files, checked without a container engine."""

import re
import shlex
import subprocess
import sys
import tomllib

import psycopg
import pytest
import yaml
from psycopg.conninfo import make_conninfo

from analytics.schema import migrate as bring_up_to_date
from api.readiness import check_readiness
from audit.verify import verify
from ledger.ledger import open_ledger
from runtime.settings import SETTINGS, Settings
from tests.desk import Desk
from trials.programs.postgres import drill_ground

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
def test_every_setting_reaches_the_program(name):
    # The containers have an address, a data folder and a database of their own.
    fixed = {
        "DATABASE_URL",
        "SEATLEDGER_DATA",
        "SEATLEDGER_HOST",
        "SEATLEDGER_PORT",
        "SEATLEDGER_POSTGRES_BIN",
    }
    settings = {setting.variable for setting in SETTINGS.values()} - fixed
    environment = SERVICES[name]["environment"]
    assert settings <= set(environment)
    passed_on = {variable for variable, value in environment.items() if value is None}
    given = {
        variable for variable, value in environment.items() if value and value.startswith("${" + variable)
    }
    assert settings == passed_on | given
    assert SERVICES["api"]["ports"] == ["${SEATLEDGER_HOST:-127.0.0.1}:${SEATLEDGER_PORT:-8000}:8000"]


def test_one_service_builds_the_image_and_the_others_use_it():
    assert [name for name, service in OURS.items() if "build" in service] == ["migrate"]
    for name in ("api", "scheduler"):
        assert SERVICES[name]["pull_policy"] == "never"
        assert "migrate" in SERVICES[name]["depends_on"]


def test_the_image_has_the_command_that_the_documents_name(tmp_path):
    (line,) = re.findall(
        r"^RUN (printf .*) > /usr/local/bin/seatledger && chmod 755 ", DOCKERFILE, re.MULTILINE
    )
    _, text = shlex.split(line)
    assert text.replace("\\n", "\n") == '#!/bin/sh\nexec python -P -m cli.main "$@"\n'
    for name in ("api", "scheduler"):
        assert f"docker compose exec {name} seatledger " in (ROOT / "docker-compose.yml").read_text()


def run_owner_script(ground, server, script):
    done = subprocess.run(
        [ground.binaries / "psql", "-v", "ON_ERROR_STOP=1", "--no-psqlrc", server.url],
        env={"POSTGRES_PASSWORD": "it's \\ a $secret"},
        input=script,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


async def test_the_program_owns_its_database_and_is_no_superuser():
    with drill_ground() as ground:
        # The superuser of this server has the name of the program's role, so both get another name here.
        server = ground.new_server("compose")
        script = COMPOSE["configs"]["owner"]["content"].replace("seatledger", "owner")
        server.execute("create database owner")
        server.execute("alter role seatledger password 'known'")
        run_owner_script(ground, server, script.replace("role postgres", "role seatledger"))
        passwords = server.ask("select rolname, rolpassword like 'SCRAM%' from pg_authid where rolcanlogin")
        assert sorted(passwords) == [("owner", True), ("seatledger", None)]
        url = make_conninfo(server.url, user="owner", dbname="owner")
        assert bring_up_to_date(url)
        with psycopg.connect(url) as connection:
            rights = "select rolsuper, rolcreaterole, rolcreatedb from pg_roles where rolname = user"
            assert connection.execute(rights).fetchone() == (False, True, False)
        async with open_ledger(url, Settings()) as ledger:
            await Desk(ledger).schedule()
            assert (await check_readiness(ledger)).ok
        assert verify(url).ok


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
    assert environment["SEATLEDGER_CHECKPOINTS"].startswith("${SEATLEDGER_CHECKPOINTS:-" + folder + "/")
    # A new volume takes over the owner of the folder that it covers.
    user, group = re.search(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE).groups()
    assert f"install -d -o {user} -g {group} -m 700 {folder}" in DOCKERFILE
    assert environment["DATABASE_URL"] == SERVICES["api"]["environment"]["DATABASE_URL"]


def test_the_image_holds_every_package_and_nothing_that_is_not_there():
    sources = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE)
    assert all((ROOT / source).exists() for source in sources)
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    documents = {"README.md", "CHANGELOG.md", "client/README.md", "docs"}
    assert set(sources) == {
        "requirements.lock",
        *documents,
        *(name.rstrip("*") for name in packages["include"]),
    }
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
