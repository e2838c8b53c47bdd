"""Time the whole run against one plain Python process doing the same work.

    .venv/bin/python benchmarks/whole_run.py [--studies a,b] [--repeats 1]

Prints, measured in one go on one machine: the pipeline from nothing on two cores; the
time to find that nothing is to be done; the pipeline without multiverses and without
documents other than the page; the same estimates, members, tables, figures and page in
one process without Snakemake, the ratio of these two, and the plain process with 10 and
with 100 scenarios. Peak memory is that of the largest process.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def in_one_process(work: Path, scenarios: int | None, studies: str | None) -> None:
    """Do the work of every job, one after the other, in this process."""
    sys.path.insert(0, str(ROOT / "workflow" / "scripts"))
    import yaml

    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    config["data_dir"] = str(ROOT / "data")
    if studies:
        config["studies"] = studies.split(",")
    if scenarios is not None:
        config["scenarios"] = numbered_scenarios(scenarios)

    from whole_run_jobs import run_jobs

    run_jobs(config, work)


#: Choices the numbered scenarios combine, one of each per scenario.
CHOICES = {
    "kaplan_meier": {
        "interval": ["log", "plain", "logit", "arcsine"],
        "median_rule": ["midpoint", "first_at_or_below", "below"],
    },
    "log_rank": {"weights": ["gehan-breslow", "tarone-ware", "peto-peto"]},
    "cox": {
        "ties": ["efron", "breslow", "exact"],
        "p_value": ["wald", "likelihood-ratio", "score"],
    },
    "wilcoxon": {
        "test": ["wilcoxon", "t", "sign"],
        "p_value": ["exact", "normal"],
        "zeros": ["wilcox", "pratt"],
    },
    "tables": {
        "test": ["chi-square", "chi-square-yates", "fisher-midp", "n-1-chi-square"],
        "interval_risk_difference": ["newcombe", "wald", "agresti-caffo"],
        "interval_odds_ratio": ["conditional-exact", "woolf"],
    },
    "proportions": {"interval": ["wilson", "wald", "jeffreys", "mid-p"]},
    "rates": {"test": ["exact-conditional", "mid-p", "wald", "score"]},
}


def numbered_scenarios(count: int) -> dict[str, dict]:
    """Return that many different scenarios, each with a choice for every setting."""
    keys = [(m, s) for m, settings in CHOICES.items() for s in settings]
    product = itertools.product(*(CHOICES[m][s] for m, s in keys))
    total = math.prod(len(CHOICES[m][s]) for m, s in keys)
    # Spread over the whole product, so that every setting varies.
    chosen = itertools.islice(product, 0, None, total // count)
    scenarios = {}
    for number, values in enumerate(itertools.islice(chosen, count)):
        methods: dict[str, dict] = {}
        for (method, setting), value in zip(keys, values, strict=True):
            methods.setdefault(method, {})[setting] = value
        scenarios[f"choice_{number}"] = {"methods": methods}
    return scenarios


def only_page(path: Path) -> None:
    """Take multiverses and documents other than the page out of a config file."""
    import yaml

    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["multiverse"]["grids"] = {}
    config["report"]["formats"] = ["html"]
    path.write_text(yaml.safe_dump(config), encoding="utf-8")


def timed(command: list[str], cwd: Path) -> tuple[float, float]:
    """Return the wall time of a command in seconds and its processes' peak in MB."""
    before = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return time.perf_counter() - before, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", help="names, separated by commas; all if absent")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--plain", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--scenarios", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.plain:
        in_one_process(arguments.plain, arguments.scenarios, arguments.studies)
        return
    only = ["--studies", arguments.studies] if arguments.studies else []
    plain = [sys.executable, __file__, *only, "--plain"]
    for _ in range(arguments.repeats):
        with tempfile.TemporaryDirectory() as temporary:
            copy = Path(temporary, "project")
            ignored = shutil.ignore_patterns(".*", "results", "__pycache__")
            shutil.copytree(ROOT, copy, ignore=ignored)
            snakemake = [sys.executable, "-m", "snakemake", "--cores", "2"]
            if arguments.studies:
                names = arguments.studies.split(",")
                snakemake += ["--config", f"studies={json.dumps(names)}"]
            pipeline, peak = timed(snakemake, copy)
            again, _ = timed(snakemake, copy)
            shutil.rmtree(copy / "results")
            only_page(copy / "config.yaml")
            page, _ = timed(snakemake, copy)
            single, _ = timed([*plain, str(Path(temporary, "plain"))], ROOT)
            few, _ = timed(
                [*plain, str(Path(temporary, "few")), "--scenarios", "10"], ROOT
            )
            many, _ = timed(
                [*plain, str(Path(temporary, "many")), "--scenarios", "100"], ROOT
            )
        print(
            f"pipeline, cold, 2 cores   {pipeline:7.1f} s   largest job {peak:.0f} MB"
        )
        print(f"nothing to be done        {again:7.1f} s")
        print(f"pipeline, page only       {page:7.1f} s")
        print(f"one plain process         {single:7.1f} s")
        print(f"page only / plain         {page / single:7.2f}")
        print(f"plain, 10 scenarios       {few:7.1f} s")
        print(f"plain, 100 scenarios      {many:7.1f} s   ratio {many / few:.2f}")


if __name__ == "__main__":
    main()
