"""Time a multiverse of one Cox analysis, and grids of ten over all shipped studies.

    nice python benchmarks/multiverse.py [--write]

One process on one core. Prints seconds and milliseconds for each specification of one
analysis of 40 patients (20 of the pairs of the 6-MP trial), from the choices to the
summary, without and with the joint permutation test, and its peak memory; then the
seconds of processor time that all analyses of all shipped studies take under the
shipped scenarios, and under grids of ten specifications.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from copy import deepcopy
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from reanalysis.analyses import run_method
from reanalysis.config import method_settings
from reanalysis.multiverse.declared import multiverse_settings, multiverses
from reanalysis.multiverse.run import run_grids
from reanalysis.multiverse.summary import records, summary
from reanalysis.plan import analyses_of, methods_of
from reanalysis.studies.study import load

ROOT = Path(__file__).resolve().parents[1]

#: Settings that together make 17,712 combinations with 41 sets of rows.
SETTINGS = {
    "ties": ["efron", "breslow", "exact"],
    "p_value": ["wald", "likelihood-ratio", "score"],
    "interval": ["wald", "profile"],
    "strata": ["as_declared", "never"],
    "alternative": ["two-sided", "less", "greater"],
    "infinite": ["firth", "report"],
    "variance": ["model", "naive"],
    "leave_out": ["none", "each_patient"],
}
#: Specifications wanted -> settings varied, one value of all others.
SIZES = {
    10: ("ties", "p_value"),
    100: ("ties", "p_value", "interval", "strata", "alternative"),
    1_000: ("ties", "p_value", "interval", "strata", "leave_out"),
    10_000: tuple(SETTINGS),
}
#: Ten or so specifications for every analysis of a method.
TEN = yaml.safe_load("""
cox:
  - hazard_ratio
  - ties: [efron, breslow, exact]
    p_value: [wald, likelihood-ratio, score]
log_rank:
  - log_rank
  - weights: [log-rank, gehan-breslow, tarone-ware, peto-peto, maxcombo]
    stratified: [as_declared, never]
kaplan_meier:
  - median_survival
  - interval: [log-log, log, plain, logit, arcsine]
    median_rule: [midpoint, below]
wilcoxon:
  - [median_difference, mean_difference]
  - test: [wilcoxon, t, sign]
    p_value: [exact, normal]
    zeros: [wilcox, pratt]
    continuity: [true, false]
tables:
  - odds_ratio
  - test: [fisher, fisher-midp, chi-square, chi-square-yates, n-1-chi-square]
    odds_ratio: [conditional-mle, sample]
proportions:
  - proportion
  - interval: [clopper-pearson, blaker, wilson, wilson-cc, jeffreys, mid-p, wald]
rates:
  - rate_ratio
  - test: [exact-conditional, mid-p, wald, score]
    interval: [exact, mid-p, wald]
fixed_time:
  - survival_difference
  - test: [log-log, plain, log, arcsine, logit]
    interval_difference: [plain, mover]
restricted_mean:
  - restricted_mean_difference
  - horizon: [smallest_last_time, last_event, survrm2, largest_last_time]
    beyond: [extend, zero]
""")


def shipped() -> dict:
    return yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def one_size(size: int, permutations: int) -> str:
    """Time one multiverse of about so many specifications."""
    config = shipped()
    grid = {
        "method": "cox",
        "studies": "freireich1963_6mp",
        "analyses": "remission_cox_paired",
        "statistic": "hazard_ratio",
        "choices": {key: SETTINGS[key] for key in SIZES[size]},
    }
    bounds = {"permutations": permutations, "limit": 100_000}
    config["multiverse"] |= {"grids": {"timed": grid}, **bounds}
    folder = str(ROOT / "data" / "freireich1963_6mp")
    plan = {"freireich1963_6mp": analyses_of([folder])}
    grids = multiverses(config, plan)["freireich1963_6mp"]["cox"]
    settings = multiverse_settings(config, "cox", grids)
    study = load(folder)
    (part,) = study["analyses"]["remission_cox_paired"]["samples"]
    for key in ("people", "rows", "lost"):
        part[key] = part[key][:40]
    part["columns"] = {name: values[:40] for name, values in part["columns"].items()}
    # In the analysis of pairs it is the pair that is left out; here each patient.
    part["people"] = [f"patient {row}" for row in part["rows"]]
    before, busy = time.perf_counter(), time.process_time()
    ((_, _, found),) = run_grids(study, [folder], "cox", settings, {})
    line = summary(found)
    records(found)
    took, busy = time.perf_counter() - before, time.process_time() - busy
    count = line["specifications"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    exchanges = "none" if line["exchanges"] != line["exchanges"] else line["exchanges"]
    return (
        f"| {line['combinations']:,} | {count:,} | {exchanges} | {took:.1f} | "
        f"{busy:.1f} | {1000 * busy / count:.2f} | {peak:.0f} |"
    )


def all_studies() -> list[str]:
    """Time every analysis under the shipped scenarios, and under grids of ten."""
    config = shipped()
    grids = {
        f"ten_{method}": {"method": method, "statistic": statistic, "choices": choices}
        for method, (statistic, choices) in TEN.items()
    }
    few = deepcopy(config)
    few["multiverse"] |= {"grids": grids, "permutations": 0}
    folders = sorted(p for p in (ROOT / "data").iterdir() if not p.name.startswith("_"))
    folders = [folder for folder in folders if (folder / "study.yaml").exists()]
    plan = {folder.name: analyses_of([folder]) for folder in folders}
    found = multiverses(few, plan)
    primary = of_grids = 0.0
    curves = specifications = 0
    for folder in folders:
        study = load(folder)
        own = plan[folder.name]
        for method in methods_of(own):
            if any(a["members"] for a in own.values() if a["method"] == method):
                continue  # needs the members of an ensemble
            before = time.process_time()
            run_method(study, method, method_settings(config, method))
            primary += time.process_time() - before
        for method, declared in found.get(folder.name, {}).items():
            settings = multiverse_settings(few, method, declared)
            before = time.process_time()
            for _, _, made in run_grids(study, [str(folder)], method, settings, {}):
                if not isinstance(made, str):
                    curves += 1
                    specifications += summary(made)["specifications"]
                    records(made)
            of_grids += time.process_time() - before
    own = f"{curves} analyses | {specifications:,} | {of_grids:.1f} |"
    return [
        f"| all analyses, shipped scenarios and conventions | | {primary:.1f} |",
        f"| a grid for each of {own}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write multiverse.md")
    parser.add_argument("--one", nargs=2, type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(one_size(*arguments.one))
        return
    lines = [
        "| combinations | specifications | exchanges | seconds | of processor time "
        "| ms of it each | peak MB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for permutations in (0, shipped()["multiverse"]["permutations"]):
        for size in SIZES:
            if permutations and size == max(SIZES):
                continue  # more than permutation_fits: no test is begun
            command = [sys.executable, __file__, "--one", str(size), str(permutations)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            lines.append(done.stdout.strip())
            print(lines[-1], flush=True)
    more = [
        "| what | specifications | seconds of processor time |",
        "| --- | --- | --- |",
        *all_studies(),
    ]
    load_now = os.getloadavg()[0]
    text = PAGE.format(lines="\n".join(lines), more="\n".join(more), load=load_now)
    print(text)
    if arguments.write:
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")


PAGE = """# Multiverses

`nice python benchmarks/multiverse.py --write`, one process on one of two cores, load
{load:.1f} at its end, python 3.11. On a busy machine seconds are long; processor time
says what the work takes.

One Cox analysis of 40 patients in 20 pairs, from the choices to rows, summary and
sentence; each line in a process of its own, imports not counted. Combinations that
come to the same are one specification. The joint test makes 499 exchanges, or as many
as `multiverse.permutation_fits` allows.

{lines}

All shipped studies in one process, ensembles left out: every analysis as the pipeline
runs it, and a grid of about ten specifications for each analysis of nine methods,
without the joint test.

{more}
"""

if __name__ == "__main__":
    main()
