"""Errors that end a command with one line, and the exit code that belongs to them."""

FAILED, USAGE, CUT_SHORT = 1, 2, 3


class CommandFailed(Exception):
    """An error that the command line prints as it is, without a traceback."""

    exit_code = FAILED
