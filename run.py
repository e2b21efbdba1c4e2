"""Start here: `python3 run.py --help` makes .venv beside this file on first use, then runs the program."""

# Standard library only, and syntax of Python 3.6, so that an old Python prints a sentence instead of a
# SyntaxError.
import contextlib
import glob
import hashlib
import os
import shlex
import shutil
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 14)
ROOT = os.path.dirname(os.path.realpath(__file__))
VENV = os.path.join(ROOT, ".venv")
SCRIPTS = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
PYTHON = os.path.join(SCRIPTS, "python")
COMMAND = os.path.join(SCRIPTS, "seatledger.cmd" if os.name == "nt" else "seatledger")
RUNTIME_LOCK, DEV_LOCK = "requirements.lock", "requirements-dev.lock"

CHECK = [
    ("format", [PYTHON, "-m", "ruff", "format", "--check", "."]),
    ("lint", [PYTHON, "-m", "ruff", "check", "."]),
    ("types", [PYTHON, "-m", "mypy"]),
    ("import contracts", [os.path.join(SCRIPTS, "lint-imports")]),
    # Two workers per processor: tests wait for servers about half of the time.
    ("tests", [PYTHON, "-m", "pytest", "-n", str(2 * (os.cpu_count() or 1)), "--dist", "worksteal"]),
]


class SetupFailed(Exception):
    """An error to print as one line, without a traceback."""


def main(arguments):
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        versions = OLDEST + NEWEST + sys.version_info[:3]
        report("needs Python %d.%d to %d.%d; this is %d.%d.%d" % versions)
        return 2
    try:
        if arguments[:1] == ["test"]:
            make_environment(DEV_LOCK)
            return check(arguments[1:])
        make_environment(RUNTIME_LOCK)
        # -P keeps a folder "cli" or "api" in the current directory from being imported.
        return become([PYTHON, "-P", "-m", "cli.main", *arguments])
    except (SetupFailed, OSError) as problem:
        report(str(problem))
        return 1
    except KeyboardInterrupt:
        report("interrupted")
        return 130


def check(pytest_arguments):
    """Run all checks, or only pytest if there are arguments. Stop at the first failure."""
    steps = [("tests", [PYTHON, "-m", "pytest", *pytest_arguments])] if pytest_arguments else CHECK
    # Compiled files are kept, whatever the shell says: the tests start Python some hundred times.
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="")
    for name, command in steps:
        report(name)
        code = subprocess.call(command, cwd=ROOT, env=environment)
        if code:
            report("%s: failed" % name)
            return code
    report("all good")
    return 0


def become(command):
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":  # exec would return to the shell before the program ends
        return subprocess.call(command)
    return os.execv(command[0], command)


def make_environment(lock):
    """Install the packages of the lock and the command `seatledger` into .venv, unless they are there."""
    if read(stamp(lock)) == expected_stamp(lock) and read(COMMAND) == command_text():
        return
    with install_lock() as held:
        if read(stamp(lock)) != expected_stamp(lock):
            install_packages(lock, held)
        write(COMMAND, command_text(), executable=True)


def install_packages(lock, held):
    report("installing %s into .venv, once; this takes some seconds" % lock)
    # Without a stamp, an earlier install was cut short, and .venv is made again.
    extend = is_extensible(RUNTIME_LOCK)
    for name in (RUNTIME_LOCK, DEV_LOCK):
        with contextlib.suppress(FileNotFoundError):
            os.remove(stamp(name))
    if not extend:
        make_empty_environment()
    install(lock, held)
    for folder in glob.glob(os.path.join(VENV, "lib", "python*", "site-packages")):
        write(os.path.join(folder, "seatledger.pth"), ROOT + "\n")
    # The development lock contains the runtime lock.
    for name in {lock, RUNTIME_LOCK}:
        write(stamp(name), expected_stamp(name))


def command_text():
    """Return the script that is the command `seatledger`. A shebang line takes no spaces in a path."""
    if os.name == "nt":
        return '@"%s" -P -m cli.main %%*\n' % PYTHON
    return '#!/bin/sh\nexec %s -P -m cli.main "$@"\n' % shlex.quote(PYTHON)


def stamp(lock):
    return os.path.join(VENV, lock + ".installed")


def expected_stamp(lock):
    """Return the lock's hash, the interpreter and the path of the checkout: an environment depends on all."""
    with open(os.path.join(ROOT, lock), "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    interpreter = os.path.realpath(PYTHON) if os.path.exists(PYTHON) else "none"
    return "\n".join([digest, interpreter, ROOT])


def is_extensible(lock):
    """Return whether this Python made .venv: an older pip may not support another version."""
    parts = read(stamp(lock)).split("\n")
    return parts[1:] == [os.path.realpath(sys.executable), ROOT] and os.path.exists(PYTHON)


@contextlib.contextmanager
def install_lock():
    """Yield the lock's descriptors. An installer inherits them, so the lock outlives a killed start."""
    try:
        import fcntl
    except ImportError:  # Windows has no such lock: do not start twice at first
        yield ()
        return
    with open(VENV + ".lock", "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("waiting for another start that installs packages")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield (file.fileno(),)


def make_empty_environment():
    try:
        import venv
    except ImportError:
        raise SetupFailed(
            "this Python has no venv module (Debian, Ubuntu: apt-get install python3-venv)"
        ) from None
    if os.path.lexists(VENV):
        if os.path.islink(VENV) or not os.path.isdir(VENV):
            raise SetupFailed("%s is not a folder that run.py made; remove it" % VENV)
        shutil.rmtree(VENV)
    # Without pip: Debian's venv cannot add it, and the environment does not need it.
    venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(VENV)


def install(lock, held):
    log_path = os.path.join(VENV, "install.log")
    tried = False
    for installer in installers(held):
        tried = True
        options = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", os.path.join(ROOT, lock)]
        if lock == DEV_LOCK:
            # Most of the modules are never imported. Compiling all of them takes half of the installation.
            options.insert(0, "--no-compile")
        with open(log_path, "ab") as log:
            if not run(installer + options, held, output=log):
                return
    if not tried:
        raise SetupFailed(
            "neither uv nor pip was found to install packages: install one "
            "(Debian, Ubuntu: apt-get install python3-pip)"
        )
    raise SetupFailed(
        "could not install the packages: check the network and the package index. PIP_INDEX_URL (pip) or "
        "UV_DEFAULT_INDEX (uv) selects a mirror. Details are in %s" % log_path
    )


def installers(held):
    """Yield the installers that work on this machine, the fastest first."""
    uv = shutil.which("uv")
    if uv:
        yield [uv, "pip", "install", "--python", PYTHON]
    # Since pip 22.3, --python installs into .venv from outside, even for an "externally managed" pip.
    outside = [sys.executable, "-m", "pip", "--python", PYTHON]
    if not run([*outside, "--version"], held):
        yield [*outside, "--disable-pip-version-check", "install"]
        return
    if not run([PYTHON, "-m", "ensurepip"], held):
        yield [PYTHON, "-m", "pip", "--disable-pip-version-check", "install"]
        return
    for wheel in glob.glob("/usr/share/python-wheels/pip-*.whl"):  # Debian ships one for virtualenv
        yield [PYTHON, os.path.join(wheel, "pip"), "--disable-pip-version-check", "install"]


def run(command, held, output=subprocess.DEVNULL):
    options = {"pass_fds": held} if held else {}
    return subprocess.call(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options)


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def write(path, text, executable=False):
    # Renamed last, so that a stamp is complete or missing.
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    if executable:
        os.chmod(path + ".new", 0o755)
    os.replace(path + ".new", path)


def report(line):
    # Standard output belongs to the program: `run.py token` prints a token and nothing else.
    sys.stderr.write("run.py: %s\n" % line)
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
