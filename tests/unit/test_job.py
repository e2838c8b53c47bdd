"""What guards a run: its lock, its token, whole files, messages in the log."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reanalysis import job

SCRIPTS = str(Path(job.__file__).resolve().parents[1])


@pytest.fixture(autouse=True)
def _no_run(monkeypatch):
    monkeypatch.delenv(job.TOKEN, raising=False)


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "folder" / "table.csv"
    job.write_text(path, "old")
    with pytest.raises(TypeError), job.whole_file(path) as handle:
        handle.writelines(["new, but half", None])
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_messages_go_to_the_log_and_failures_to_the_terminal_too(tmp_path, capfd):
    with job.guarded(tmp_path, tmp_path / "fine.log"):
        print("quiet", file=sys.stderr)
    assert (tmp_path / "fine.log").read_text() == "quiet\n"
    assert capfd.readouterr().err == ""
    with pytest.raises(SystemExit), job.guarded(tmp_path, tmp_path / "bad.log"):
        raise ValueError("made up")
    assert "ValueError: made up" in (tmp_path / "bad.log").read_text()
    assert "ValueError: made up" in capfd.readouterr().err


def test_a_job_of_a_replaced_run_writes_nothing(tmp_path, monkeypatch):
    (tmp_path / ".owner").write_text("the new run")
    monkeypatch.setenv(job.TOKEN, "the old run")
    refused = pytest.raises(SystemExit, match="nothing was written")
    with refused, job.guarded(tmp_path, tmp_path / "late.log"):
        (tmp_path / "result").touch()
    assert not (tmp_path / "result").exists()
    assert not (tmp_path / "late.log").exists()


def _claim(folder: Path, then: str = "") -> subprocess.Popen:
    code = f"from reanalysis import job; job.claim({str(folder)!r}); print('mine', flush=True); {then}"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": SCRIPTS, "PATH": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_one_run_at_a_time_and_a_dead_one_does_not_count(tmp_path):
    with _claim(tmp_path, "input()") as first:
        assert first.stdout.readline() == "mine\n"
        with _claim(tmp_path) as second:
            _, error = second.communicate()
        assert second.returncode == 1
        assert f"Another run (process {first.pid}) is writing to" in error
        assert "Traceback" not in error
        first.kill()
    with _claim(tmp_path) as third:
        assert third.communicate()[0] == "mine\n"


def test_a_new_run_waits_for_the_jobs_of_a_dead_one_and_clears_up(tmp_path):
    left = tmp_path / "work" / ".table.csv.1.partial"
    left.parent.mkdir()
    left.touch()
    with job.guarded(tmp_path, tmp_path / "old.log"):
        run = _claim(tmp_path)
        assert run.stderr.readline().startswith("Waiting for the last jobs")
        assert run.poll() is None
        assert left.exists()
    with run:
        assert run.communicate()[0] == "mine\n"
    assert not left.exists()
