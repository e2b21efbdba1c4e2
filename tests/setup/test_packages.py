"""Installed packages: all pinned by hash, and the project's packages come from this checkout."""

import re
import tomllib
from importlib.metadata import packages_distributions
from importlib.util import find_spec

import pytest
from packaging.requirements import Requirement

from .conftest import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock")
OURS = ("domain", "ledger", "projections", "gateways", "api", "scheduler", "cli")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pinned(lock):
    """Return the version of every package in the lock."""
    found = re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE)
    assert len(dict(found)) == len(found) > 0
    return dict(found)


def entries(lock):
    return re.split(r"\n(?=[a-z])", (ROOT / lock).read_text())[1:]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_by_hash_and_no_host_is_named(lock):
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "file:" not in text
    for entry in entries(lock):
        assert re.match(r"[a-z0-9-]+==\S+", entry)
        assert "--hash=sha256:" in entry, entry


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_holds_its_command_and_names_no_host(lock):
    command = (ROOT / lock).read_text().splitlines()[1]
    assert command.startswith("#    uv pip compile pyproject.toml ")
    assert " /" not in command


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("requirements.lock", PROJECT["project"]["dependencies"]),
        ("requirements-dev.lock", PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]),
    ],
)
def test_the_lock_holds_all_dependencies(lock, wanted):
    versions = pinned(lock)
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(versions[requirement.name.lower()]), str(requirement)


def test_developers_run_the_same_versions():
    assert pinned("requirements.lock").items() <= pinned("requirements-dev.lock").items()


@pytest.mark.parametrize("name", OURS)
def test_our_packages_come_from_this_checkout(name):
    assert find_spec(name).origin == str(ROOT / name / "__init__.py")


def test_no_dependency_brings_a_package_of_our_names():
    found = {name: where for name, where in packages_distributions().items() if name in OURS}
    assert all(set(where) == {"seatledger"} for where in found.values())
