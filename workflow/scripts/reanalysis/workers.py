"""Run the jobs of a local run in forks of one warm process.

Importing pandas and matplotlib takes longer than most jobs. A run starts one
process that imports them once; each job asks it for a fork and waits. Where there
is no such process (on a cluster node, in another environment) jobs do their work
themselves, with the same result.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path

#: Environment variable that tells jobs the interpreter and the address.
WORKERS = "REANALYSIS_WORKERS"
#: Imported once. Libraries that few jobs need are left to them.
WARM = (
    "numpy",
    "pandas",
    "scipy.special",
    "scipy.stats",
    "lifelines.utils",
    "ortools.sat.python.cp_model",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "matplotlib.backends.backend_svg",
    "reanalysis.figures.sheet",
    "reanalysis.steps.check",
    "reanalysis.steps.consistency",
    "reanalysis.steps.members",
    "reanalysis.steps.estimate",
    "reanalysis.steps.multiverse",
    "reanalysis.steps.compare",
    "reanalysis.steps.draw",
    "reanalysis.steps.report",
)
_started: list[subprocess.Popen] = []


def start() -> None:
    """Start the warm process; it ends with this one, however that ends."""
    # One thread each: jobs share the cores, and sums come out the same everywhere.
    for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[threads] = "1"
    # The directory is readable by this user only, and so is the socket in it.
    address = str(Path(tempfile.mkdtemp(prefix="reanalysis-"), "jobs"))
    package = Path(__file__).resolve().parents[1]
    _started.append(
        subprocess.Popen(
            [sys.executable, "-m", "reanalysis.workers", address],
            env={**os.environ, "PYTHONPATH": str(package)},
            stdin=subprocess.PIPE,
        )
    )
    os.environ[WORKERS] = f"{sys.executable}\n{address}"


def ask(request: object) -> int | None:
    """Have a fork do a job and return its exit code; None if there is nobody to ask."""
    executable, _, address = os.environ.get(WORKERS, "").partition("\n")
    if executable != sys.executable:
        return None
    with socket.socket(socket.AF_UNIX) as channel:
        try:
            channel.connect(address)
        except OSError:  # not warm yet, ended, or on another machine
            return None
        connection = Connection(channel.detach())
    with connection:
        connection.send(request)
        try:
            return connection.recv()
        except EOFError:
            return 1


def serve(address: str) -> None:
    """Import what jobs need, then fork one process for each job that asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ends with its parent instead
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    from reanalysis.plan import METHODS  # too much to import for the jobs that ask

    for module in (*WARM, *(f"reanalysis.methods.{method}" for method in METHODS)):
        import_module(module)
    gc.freeze()  # or the forks would copy what the collector touches
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        while True:
            ready, _, _ = select.select([server, sys.stdin], [], [])
            if server not in ready:
                break  # the run has ended
            channel, _ = server.accept()
            if os.fork() == 0:
                server.close()
                _work(Connection(channel.detach()))
            channel.close()
    Path(address).unlink()
    Path(address).parent.rmdir()


def _work(connection: Connection) -> None:
    from reanalysis.job import do

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    code = 1
    try:
        do(**connection.recv())
        code = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        connection.send(code)
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
