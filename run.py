"""Start here: `python3 run.py --help` makes .venv beside this file on first use, then runs the program."""

# Standard library only, and nothing newer than Python 3.6 can parse: an old Python then answers with a
# sentence instead of a SyntaxError.
import contextlib
import glob
import hashlib
import os
import shutil
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 14)
ROOT = os.path.dirname(os.path.realpath(__file__))
VENV = os.path.join(ROOT, ".venv")
SCRIPTS = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
PYTHON = os.path.join(SCRIPTS, "python")
RUNTIME_LOCK, DEV_LOCK = "requirements.lock", "requirements-dev.lock"

CHECK = [
    ("format", [PYTHON, "-m", "ruff", "format", "--check", "."]),
    ("lint", [PYTHON, "-m", "ruff", "check", "."]),
    ("types", [PYTHON, "-m", "mypy"]),
    ("import contracts", [os.path.join(SCRIPTS, "lint-imports")]),
    ("tests", [PYTHON, "-m", "pytest", "-n", "auto", "--dist", "worksteal"]),
]


class GaveUp(Exception):
    """The one line to print instead of a traceback."""


def main(arguments):
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        versions = OLDEST + NEWEST + sys.version_info[:3]
        tell("needs Python %d.%d to %d.%d; this is %d.%d.%d" % versions)
        return 2
    try:
        if arguments[:1] == ["test"]:
            make_environment(DEV_LOCK)
            return check(arguments[1:])
        make_environment(RUNTIME_LOCK)
        # -P: a folder called "cli" or "api" where the user stands must not be taken for ours.
        return become([PYTHON, "-P", "-m", "cli.main", *arguments])
    except (GaveUp, OSError) as problem:
        tell(str(problem))
        return 1
    except KeyboardInterrupt:
        tell("interrupted")
        return 130


def check(pytest_arguments):
    """Run every check, or only pytest when it is given arguments; the first failure ends it."""
    steps = [("tests", [PYTHON, "-m", "pytest", *pytest_arguments])] if pytest_arguments else CHECK
    for name, command in steps:
        tell(name)
        code = subprocess.call(command, cwd=ROOT)
        if code:
            tell("%s: failed" % name)
            return code
    tell("all good")
    return 0


def become(command):
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":  # exec there returns to the shell before the program has ended
        return subprocess.call(command)
    return os.execv(command[0], command)


def make_environment(lock):
    """See to it that .venv holds what the lock names; costs one hash when it does already."""
    if read(stamp(lock)) == wanted_stamp(lock):
        return
    with only_one_at_a_time() as held:
        if read(stamp(lock)) == wanted_stamp(lock):
            return
        tell("installing %s into .venv, once; this takes some seconds" % lock)
        # Without any stamp an earlier install was cut short, and what it left cannot be trusted.
        extend = can_be_extended(RUNTIME_LOCK)
        for name in (RUNTIME_LOCK, DEV_LOCK):
            with contextlib.suppress(FileNotFoundError):
                os.remove(stamp(name))
        if not extend:
            make_empty_environment()
        install(lock, held)
        for folder in glob.glob(os.path.join(VENV, "lib", "python*", "site-packages")):
            write(os.path.join(folder, "seatledger.pth"), ROOT + "\n")
        # The development lock holds all of the other one, so it settles both.
        for name in {lock, RUNTIME_LOCK}:
            write(stamp(name), wanted_stamp(name))


def stamp(lock):
    return os.path.join(VENV, lock + ".installed")


def wanted_stamp(lock):
    """The lock's hash, and what else an environment depends on: its interpreter and the checkout's place."""
    with open(os.path.join(ROOT, lock), "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    interpreter = os.path.realpath(PYTHON) if os.path.exists(PYTHON) else "none"
    return "\n".join([digest, interpreter, ROOT])


def can_be_extended(lock):
    """Whether this very Python finished an install here: an older pip may not know another one's version."""
    parts = read(stamp(lock)).split("\n")
    return parts[1:] == [os.path.realpath(sys.executable), ROOT] and os.path.exists(PYTHON)


@contextlib.contextmanager
def only_one_at_a_time():
    """Yield the descriptors that hold the lock: an installer inherits them, so it outlives a killed start."""
    try:
        import fcntl
    except ImportError:  # Windows: two first starts at once are not protected from each other
        yield ()
        return
    with open(VENV + ".lock", "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("another start is installing; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield (file.fileno(),)


def make_empty_environment():
    try:
        import venv
    except ImportError:
        raise GaveUp(
            "this Python lacks its venv module (Debian, Ubuntu: apt-get install python3-venv)"
        ) from None
    if os.path.lexists(VENV):
        if os.path.islink(VENV) or not os.path.isdir(VENV):
            raise GaveUp("%s is in the way: not a folder that run.py made; remove it" % VENV)
        shutil.rmtree(VENV)
    # Without pip: Debian's venv cannot add it, and the environment itself has no use for it.
    venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt").create(VENV)


def install(lock, held):
    log_path = os.path.join(VENV, "install.log")
    tried = False
    for installer in installers(held):
        tried = True
        options = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", os.path.join(ROOT, lock)]
        with open(log_path, "ab") as log:
            if not run(installer + options, held, output=log):
                return
    if not tried:
        raise GaveUp(
            "neither uv nor pip is here to install packages: add one "
            "(Debian, Ubuntu: apt-get install python3-pip)"
        )
    raise GaveUp(
        "could not install the packages: are the network and the package index up? A mirror is named by "
        "PIP_INDEX_URL (pip) or UV_DEFAULT_INDEX (uv). What happened is in %s" % log_path
    )


def installers(held):
    """Yield the ways to install into .venv that work here, the fastest first."""
    uv = shutil.which("uv")
    if uv:
        yield [uv, "pip", "install", "--python", PYTHON]
    # The option came with pip 22.3. It lets a pip outside fill .venv, also an "externally managed" one.
    outside = [sys.executable, "-m", "pip", "--python", PYTHON]
    if not run([*outside, "--version"], held):
        yield [*outside, "--disable-pip-version-check", "install"]
        return
    if not run([PYTHON, "-m", "ensurepip"], held):
        yield [PYTHON, "-m", "pip", "--disable-pip-version-check", "install"]
        return
    for wheel in glob.glob("/usr/share/python-wheels/pip-*.whl"):  # Debian keeps one for virtualenv
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


def write(path, text):
    # By rename: a stamp is there in full or not at all.
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)


def tell(line):
    # Standard output belongs to the program: `run.py token` prints a token and nothing else.
    sys.stderr.write("run.py: %s\n" % line)
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
