"""Jobs done in forks of one warm process, or by themselves where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reanalysis import workers
from reanalysis.job import do, run

CALL = {"parts": {}, "outputs": {}}
STEP = "reanalysis.steps.collect:collect"


@pytest.fixture
def warm(monkeypatch):
    """The warm process of a run, ready to be asked."""
    for name in (workers.WORKERS, "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(workers, "_started", [])
    workers.start()
    address = Path(os.environ[workers.WORKERS].partition("\n")[2])
    deadline = time.monotonic() + 30
    while not address.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield address
    process = workers._started[0]
    process.stdin.close()
    assert process.wait(timeout=10) == 0
    assert not address.parent.exists()


def request(folder, **arguments):
    return {
        "step": STEP,
        "run_folder": str(folder),
        "log": str(folder / "job.log"),
        "arguments": {**CALL, **arguments},
    }


def test_a_fork_does_what_the_job_would(warm, tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "b.csv").write_text("x\n2\n")
    parts = {"t": [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]}
    outputs = {"t": str(tmp_path / "forked.csv")}
    assert workers.ask(request(tmp_path, parts=parts, outputs=outputs)) == 0
    alone = {"t": str(tmp_path / "alone.csv")}
    do(**request(tmp_path, parts=parts, outputs=alone))
    forked = (tmp_path / "forked.csv").read_bytes()
    assert forked == (tmp_path / "alone.csv").read_bytes() == b"x\n1\n2\n"


def test_a_failure_comes_back_as_exit_code_and_log(warm, tmp_path):
    assert workers.ask(request(tmp_path, parts={"t": ["none.csv"]})) == 1
    assert "KeyError" in (tmp_path / "job.log").read_text()
    with pytest.raises(SystemExit) as end:
        run(
            STEP,
            run_folder=str(tmp_path),
            log=str(tmp_path / "job.log"),
            parts={"t": ["none.csv"]},
            outputs={},
        )
    assert end.value.code == 1


def test_nobody_to_ask(monkeypatch, tmp_path):
    monkeypatch.delenv(workers.WORKERS, raising=False)
    assert workers.ask({}) is None
    monkeypatch.setenv(workers.WORKERS, f"/another/python\n{tmp_path}/jobs")
    assert workers.ask({}) is None
    monkeypatch.setenv(workers.WORKERS, f"{sys.executable}\n{tmp_path}/jobs")
    assert workers.ask({}) is None


def test_the_warm_process_ends_with_the_run_that_started_it(tmp_path):
    scripts = Path(workers.__file__).parents[1]
    script = (
        "import os, sys, time\n"
        "from reanalysis import workers\n"
        "workers.start()\n"
        "address = os.environ[workers.WORKERS].partition(chr(10))[2]\n"
        "while not os.path.exists(address): time.sleep(0.05)\n"
        "print(address, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(scripts), workers.WORKERS: ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    address = Path(done.stdout.strip())
    deadline = time.monotonic() + 10
    while address.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
