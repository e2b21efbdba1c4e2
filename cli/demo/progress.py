"""A progress bar for each act on a terminal, and nothing elsewhere."""

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn


class ProgressBar:
    def __init__(self, *, silent: bool) -> None:
        console = Console(quiet=silent)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._progress = Progress(
            *columns, console=console, transient=True, disable=silent or not console.is_terminal
        )
        self._act: TaskID | None = None

    def __enter__(self) -> "ProgressBar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin_act(self, name: str) -> None:
        if self._act is not None:
            self._progress.remove_task(self._act)
        self._act = self._progress.add_task(escape(name), total=None)

    def begin(self, total: int) -> None:
        if self._act is not None:
            self._progress.update(self._act, total=total, completed=0)

    def step(self) -> None:
        if self._act is not None:
            self._progress.advance(self._act)
