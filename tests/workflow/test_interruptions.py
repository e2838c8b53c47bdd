"""Killed runs, runs started twice, and jobs that outlive their run."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import Project, different

BUSY = "Another run (process "


@pytest.fixture
def untouched(finished, tmp_path) -> Project:
    """The project of `finished`, not run yet."""
    return finished[0].copy(tmp_path / "untouched", results=False)


def _kill_main(process: subprocess.Popen) -> None:
    os.kill(process.pid, signal.SIGKILL)


def _kill_group(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGKILL)


def _wait_for(true: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.mark.parametrize("kill", [_kill_main, _kill_group])
def test_killed_at_any_moment_and_started_again(finished, untouched, kill):
    moments = random.Random(kill.__name__)
    for _ in range(5):
        process = untouched.start()
        time.sleep(moments.uniform(1.0, 6.0))
        kill(process)
        process.wait()
        process.stdout.close()
    outcome = untouched.run()
    assert outcome.code == 0, outcome.output
    assert different(finished[0].results, untouched.results) == []
    assert "Nothing to be done" in untouched.run().output


def test_killed_while_a_file_is_half_written(finished, untouched):
    script = "workflow/scripts/reanalysis/steps/collect.py"
    original = (untouched.folder / script).read_text(encoding="utf-8")
    untouched.edit(
        script,
        "                handle.write(body)",
        "                handle.write('half'); handle.flush()\n"
        "                __import__('time').sleep(60)",
    )
    process = untouched.start()
    _wait_for(lambda: any(untouched.results.glob(".estimates.csv.*.partial")))
    _kill_group(process)
    process.wait()
    process.stdout.close()
    assert not (untouched.results / "estimates.csv").exists()
    (untouched.folder / script).write_text(original, encoding="utf-8")
    assert untouched.run().code == 0
    assert different(finished[0].results, untouched.results) == []


def test_the_last_job_of_a_killed_run_cannot_write_into_the_next(finished, untouched):
    script = "workflow/scripts/reanalysis/steps/collect.py"
    original = (untouched.folder / script).read_text(encoding="utf-8")
    # The old run's job is slow, and what it writes is wrong.
    untouched.edit(
        script,
        'header, _, body = Path(path).read_text(encoding="utf-8").partition("\\n")',
        'header, body = "old", "old\\n"\n                __import__(\'time\').sleep(2)',
    )
    process = untouched.start()
    log = untouched.results / "logs" / "collect.log"
    _wait_for(log.exists)
    _kill_main(process)
    process.wait()
    process.stdout.close()
    (untouched.folder / script).write_text(original, encoding="utf-8")
    outcome = untouched.run()
    assert outcome.code == 0, outcome.output
    assert "Waiting for the last jobs of a killed run" in outcome.output
    time.sleep(1)
    assert different(finished[0].results, untouched.results) == []


def test_two_runs_started_at_once(finished, untouched):
    runs = [untouched.start(), untouched.start()]
    outputs = [run.communicate(timeout=120)[0] for run in runs]
    codes = [run.returncode for run in runs]
    assert sorted(map(bool, codes)) == [False, True], outputs
    refused = outputs[codes.index(max(codes))]
    assert BUSY in refused
    assert "Traceback" not in refused
    assert different(finished[0].results, untouched.results) == []


@pytest.fixture
def occupied(project) -> Project:
    """A project whose run folder another run has taken, with something to do."""
    (project.results / "status.txt").unlink()
    with open(project.results / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("process 123")
        lock.flush()
        yield project


def test_a_taken_run_folder_is_refused_in_plain_words(occupied):
    outcome = occupied.run()
    assert outcome.code != 0
    assert "Another run (process 123) is writing to results/primary" in outcome.output
    assert "Traceback" not in outcome.output
    assert not (occupied.results / "status.txt").exists()


@pytest.mark.parametrize(
    "arguments", [("-n",), ("--lint",), ("--dag",), ("--summary",), ("--rulegraph",)]
)
def test_looking_takes_no_lock(occupied, arguments):
    outcome = occupied.run(*arguments)
    assert outcome.code == 0, outcome.output
    assert BUSY not in outcome.output


def test_another_run_of_the_same_project_is_free(occupied):
    outcome = occupied.run("--config", "run=other")
    assert outcome.code == 0, outcome.output
    assert Path(occupied.folder, "results", "other", "status.txt").exists()
