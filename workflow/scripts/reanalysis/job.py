"""What every job of a run does around its one call: guard, log, whole files only."""

from __future__ import annotations

import fcntl
import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO

from reanalysis import workers

#: Environment variable by which a run names itself to its jobs.
TOKEN = "REANALYSIS_RUN_TOKEN"
# Lock files of this process; a lock lasts as long as its file is open.
_held: list[IO[str]] = []


def run(step: str, *, run_folder: str, log: str, **arguments: object) -> None:
    """Do one job of a run and exit with an error if it fails.

    ``step`` is ``module:function``; ``arguments`` are its paths and values.
    """
    request = {"step": step, "run_folder": run_folder, "log": log}
    request["arguments"] = {name: _plain(value) for name, value in arguments.items()}
    code = workers.ask(request)
    if code is None:
        do(**request)
    elif code:
        sys.exit(code)


def do(step: str, run_folder: str, log: str, arguments: Mapping) -> None:
    """Call a step, guarded, in this process."""
    module, function = step.split(":")
    with guarded(run_folder, log):
        getattr(import_module(module), function)(**arguments)


def _plain(value: object) -> object:
    """Return a value of a Snakemake job without Snakemake's own types."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


@contextmanager
def guarded(run_folder: str | Path, log: str | Path) -> Iterator[None]:
    """Run a job as a writer of a run folder, its messages going to ``log``.

    A job whose run was killed must not write into a folder that a new run has
    taken over. While it lives, a job holds a shared lock on the folder's writers
    file; a new run waits for that lock before it starts (:func:`claim`). A job
    that starts after its run was replaced finds another token and stops.
    """
    folder = Path(run_folder)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".writers", "a") as writers:
        fcntl.flock(writers, fcntl.LOCK_SH)
        token = os.environ.get(TOKEN)
        owner = folder / ".owner"
        if token and (not owner.exists() or owner.read_text() != token):
            sys.exit("The run that started this job has ended; nothing was written.")
        with open(log, "w+", encoding="utf-8") as messages:
            sys.stderr = messages
            failed = True
            try:
                yield
                failed = False
            except Exception:
                traceback.print_exc()
                sys.exit(1)
            finally:
                sys.stderr = sys.__stderr__
                if failed:  # the default profile shows no other message of a job
                    messages.seek(0)
                    sys.stderr.write(messages.read())


def claim(run_folder: str | Path) -> None:
    """Make this process the one run that writes into a folder, until it ends.

    Waits for jobs that a killed run left behind, and removes what they left half
    written. Exits with a message when another run is at work.
    """
    folder = Path(run_folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = open(folder / ".lock", "a+")  # noqa: SIM115 - held for the whole run
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        sys.exit(
            f"Another run ({lock.read().strip() or 'unknown'}) is writing to {folder}. "
            "Wait for it to end, or give this one a name of its own "
            "(run: <name> in a file for --configfile)."
        )
    _held.append(lock)
    lock.truncate(0)
    lock.write(f"process {os.getpid()}")
    lock.flush()
    token = f"{os.getpid()}-{time.time_ns()}"
    write_text(folder / ".owner", token)
    os.environ[TOKEN] = token
    with open(folder / ".writers", "a") as writers:
        try:
            fcntl.flock(writers, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for the last jobs of a killed run ...", file=sys.stderr)
            fcntl.flock(writers, fcntl.LOCK_EX)
        for partial in folder.rglob(".*.partial"):
            partial.unlink(missing_ok=True)


@contextmanager
def whole_file(path: str | Path, mode: str = "w") -> Iterator[IO]:
    """Open a file that appears under its name only once it is complete."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    options = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    try:
        with open(partial, mode, **options) as handle:
            yield handle
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file at once."""
    with whole_file(path) as handle:
        handle.write(text)
