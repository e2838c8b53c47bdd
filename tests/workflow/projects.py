"""Real runs of `snakemake` in a copy of the project with small studies."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import small_studies

ROOT = Path(__file__).resolve().parents[2]
CODE = (
    *("Snakefile", "config.yaml", "requirements.lock", "CITATION.cff", "LICENSE"),
    *("profiles", "workflow"),
)
#: What two equal runs may differ in.
MAY_DIFFER = {"provenance.json"}


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    output: str

    @property
    def clean(self) -> bool:
        """Tell whether nothing in the output is for programmers only."""
        return "Traceback" not in self.output


class Project:
    """A copy of the code with a data folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(
        cls,
        folder: Path,
        studies: Mapping[str, small_studies.Files],
        *,
        documents: bool = False,
    ) -> Project:
        """Copy the code and write the studies; ``documents`` beside the page or not."""
        folder.mkdir(parents=True)
        for name in CODE:
            source = ROOT / name
            if source.is_dir():
                ignore = shutil.ignore_patterns("__pycache__", ".ruff_cache")
                shutil.copytree(source, folder / name, ignore=ignore)
            else:
                shutil.copy2(source, folder / name)
        for name, files in studies.items():
            small_studies.write(folder / "data" / name, files, name)
        project = cls(folder)
        if not documents:
            config = (folder / "config.yaml").read_text(encoding="utf-8")
            line = next(x for x in config.splitlines() if x.startswith("  formats: ["))
            project.edit("config.yaml", line, "  formats: [html]")
        return project

    def copy(self, folder: Path, *, results: bool = True) -> Project:
        ignore = shutil.ignore_patterns("results", ".snakemake", "__pycache__")
        shutil.copytree(self.folder, folder, ignore=None if results else ignore)
        return Project(folder)

    @property
    def results(self) -> Path:
        return self.folder / "results" / "primary"

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen:
        """Start snakemake as the leader of a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            env={**os.environ, "MPLBACKEND": "Agg", **environment},
        )

    def run(self, *arguments: str, timeout: float = 300, **environment: str) -> Outcome:
        process = self.start(*arguments, **environment)
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return Outcome(process.returncode, output)

    def planned(self, *arguments: str) -> list[str]:
        """The jobs a dry run would start, as rule or rule/study."""
        outcome = self.run("-n", "--quiet", "host", *arguments)
        assert outcome.code == 0, outcome.output
        jobs = re.findall(
            r"^(?:local)?rule (\w+):(.*?)(?=^\S|\Z)",
            outcome.output,
            re.MULTILINE | re.DOTALL,
        )
        found = []
        for rule, text in jobs:
            study = re.search(r"wildcards: study=(\w+)", text)
            found.append(f"{rule}/{study.group(1)}" if study else rule)
        return sorted(found)

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text, (file, old)
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def write(self, file: str, text: str) -> str:
        (self.folder / file).write_text(text, encoding="utf-8")
        return file


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a run but logs, what may differ, and the run's own locks."""
    return {
        name: path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not (name := str(path.relative_to(folder))).startswith("logs/")
        and name not in MAY_DIFFER | {".lock", ".owner", ".writers"}
    }


def different(one: Path, other: Path) -> list[str]:
    """Names of the files that are not the same in two runs."""
    a, b = contents(one), contents(other)
    return sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))
