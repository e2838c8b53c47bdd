"""A finished run as a Workflow Run RO-Crate: what was made from what, with hashes.

Profile: Workflow Run Crate 0.5 (https://w3id.org/ro/wfrun/workflow/0.5) on RO-Crate
1.1. The crate is the folder of the run itself; what the run was made from (code, lock
file, public study folders) lies in its ``inputs/``, laid out so that Snakemake can run
it again. Nothing here depends on the clock: equal runs have equal crates, and the time
of the run stands in provenance.json alone.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from rocrate.model import ContextEntity, Entity
from rocrate.rocrate import ROCrate

from reanalysis.failures import Failure

#: Where a crate keeps what its run was made from, and there the studies.
INPUTS = "inputs"
STUDIES = f"{INPUTS}/data"
WORKFLOW = f"{INPUTS}/Snakefile"
SETTINGS = "config.yaml"
#: The one file that equal runs may differ in; it is listed without its hash.
PROVENANCE = "provenance.json"

_WORKFLOW_RUN_TERMS = "https://w3id.org/ro/terms/workflow-run/context"
_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
# The table built into Python: that of the machine may say something else.
_TYPES = mimetypes.MimeTypes()
_OFFICE = "application/vnd.openxmlformats-officedocument"
_FURTHER_TYPES = {
    ".yaml": "application/yaml",
    ".cff": "application/yaml",
    "": "text/plain",
    ".smk": "text/x-python",
    ".md": "text/markdown",
    ".rst": "text/x-rst",
    ".jinja": "text/plain",
    ".mplstyle": "text/plain",
    ".lock": "text/plain",
    ".gz": "application/gzip",
    ".parquet": "application/vnd.apache.parquet",
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".pptx": f"{_OFFICE}.presentationml.presentation",
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
}


def run_crate(
    folder: str | Path,
    *,
    title: str,
    release: Mapping,
    config: Mapping,
    record: Mapping,
    studies: Sequence[Mapping],
    private: Iterable[str],
    failed: Sequence[Failure],
    made: Sequence[str],
) -> dict[str, object]:
    """Return the content of ro-crate-metadata.json of the run in ``folder``.

    ``release`` is CITATION.cff, ``config`` the merged settings, ``record``
    provenance.json, ``studies`` the checked studies, ``private`` the names of those
    with rows that are not public, ``failed`` what the run could not do. ``made`` are
    the files of the run relative to ``folder``, settings and provenance among them;
    what lies in its ``inputs/`` is found there.
    """
    crate, folder, private = ROCrate(version="1.1"), Path(folder), set(private)
    crate.metadata.extra_contexts.append(_WORKFLOW_RUN_TERMS)
    root = crate.root_dataset
    root["name"] = f"{title}, run {config['run']}"
    root["description"] = _description(sorted(private))
    # A day is required, and that of the run would differ between equal runs.
    root["datePublished"] = release["date-released"]
    root["license"] = _licence(
        crate,
        f"Code: {release['license']} ({INPUTS}/LICENSE). Values of the studies keep "
        "the licences named at their files.",
    )
    root["conformsTo"] = [
        _about(crate, address, "CreativeWork", name=name, version=version)
        for address, (name, version) in _PROFILES.items()
    ]
    names = " and ".join(author["name"] for author in release["authors"])
    author = _about(crate, "#authors", "Organization", name=names)
    root["author"] = author
    workflow = _workflow(crate, folder, release, author)
    workflow["softwareRequirements"] = [
        _about(
            crate,
            f"#software-{quote(name)}",
            "SoftwareApplication",
            name=name,
            softwareVersion=version,
        )
        for name, version in {"Python": record["python"], **record["versions"]}.items()
    ]
    folders, read = {}, []
    for study in studies:
        public = study["id"] not in private
        folders[study["id"]], found = _study(crate, folder, study, public=public)
        read += found
    files = {name: _file(crate, folder, name) for name in sorted(made)}
    for name, file in files.items():
        # What is made for one study bears its name.
        for part in Path(name).with_suffix("").parts:
            if folders.get(part):
                file["isBasedOn"] = folders[part]
    for study in studies:
        for dataset, drawn in study.get("ensembles", {}).items():
            members = files.get(f"members/{study['id']}/{dataset}.parquet")
            if members is not None:
                members["description"] = (
                    f"Data sets of kind {drawn['kind']}, which the printed numbers "
                    "allow; no patients."
                )
    ended = "Failed" if failed else "Completed"
    run = _about(
        crate,
        "#run",
        "CreateAction",
        name=f"Run {config['run']}",
        description=f"snakemake with the settings of {SETTINGS} and seed "
        f"{config['seed']}. When it ended, and on what, stands in {PROVENANCE}. Who "
        "ran it is not recorded.",
        instrument=workflow,
        object=[files[SETTINGS], *read],
        result=[
            file for name, file in files.items() if name not in {SETTINGS, PROVENANCE}
        ],
        subjectOf=files[PROVENANCE],
        actionStatus=f"http://schema.org/{ended}ActionStatus",
    )
    if failed:
        # A message quotes the cell that is wrong, which may not be public.
        run["error"] = " ".join(
            f"{failure.study}: failed."
            if failure.study in private
            else f"{failure.study}: {failure.message}"
            for failure in failed
        )
    root["mentions"] = run
    return crate.metadata.generate()


def _description(private: Sequence[str]) -> str:
    text = (
        "Printed results of small clinical trials, recomputed. claims.csv has the "
        "verdicts, estimates.csv every estimated number, report/index.html all of it "
        f"to read; {INPUTS}/ holds what it was made from. Reconstructed and simulated "
        "data are called so in every row and figure; they are no patients. The date of "
        "publication is that of the code."
    )
    if private:
        text += (
            f" Rows that are not public went into {', '.join(private)}; neither they "
            "nor files of these studies alone are part of this crate."
        )
    return text


def _workflow(crate: ROCrate, folder: Path, release: Mapping, author: Entity) -> Entity:
    """Add the Snakefile as the main workflow, with the files it consists of."""
    workflow = crate.add_workflow(
        dest_path=WORKFLOW,
        main=True,
        lang="snakemake",
        properties=_described(folder / WORKFLOW, WORKFLOW),
    )
    workflow["name"] = release["title"]
    workflow["description"] = release["abstract"].strip()
    workflow["version"] = release["version"]
    workflow["license"] = _licence(crate, release["license"])
    workflow["creator"] = author
    workflow["hasPart"] = [
        _file(crate, folder, name)
        for name in _below(folder, INPUTS)
        if name != WORKFLOW and not name.startswith(f"{STUDIES}/")
    ]
    return workflow


def _study(
    crate: ROCrate, folder: Path, study: Mapping, *, public: bool
) -> tuple[Entity | None, list[Entity]]:
    """Add the public folder of a study, None if there is none, and its files."""
    place = f"{STUDIES}/{study['id']}"
    files = {
        name.rpartition("/")[2]: _file(crate, folder, name)
        for name in _below(folder, place)
    }
    if not files:
        return None, []
    known = public and study["status"] == "ok"
    entity = crate.add_dataset(dest_path=f"{place}/")
    entity["name"] = study["title"] if known else study["id"]
    entity["hasPart"] = list(files.values())
    if not known:
        return entity, list(files.values())
    citation = study["citation"]
    doi = citation.get("doi")
    address = f"https://doi.org/{quote(doi)}" if doi else f"#article-{study['id']}"
    entity["description"] = study["design"]
    entity["citation"] = _about(
        crate, address, "ScholarlyArticle", name=citation["text"]
    )
    for table in study["datasets"].values():
        file = files.get(table["file"])
        if file is None:
            continue
        file["description"] = f"Data of kind {table['kind']}. {table['note']}".strip()
        if table["licence"]:
            file["license"] = _licence(crate, table["licence"])
        source = study["sources"][table["source"]]
        file["isBasedOn"] = _about(
            crate,
            f"#source-{study['id']}-{quote(table['source'])}",
            "CreativeWork",
            name=source["citation"],
            **({"url": source["url"]} if source.get("url") else {}),
        )
    return entity, list(files.values())


def _licence(crate: ROCrate, words: str) -> Entity:
    name = f"#licence-{hashlib.sha256(words.encode()).hexdigest()[:8]}"
    return _about(crate, name, "CreativeWork", name=words, description=words)


def _about(crate: ROCrate, address: str, kind: str, **told: object) -> Entity:
    return crate.add(ContextEntity(crate, address, {"@type": kind, **told}))


def _below(folder: Path, place: str) -> list[str]:
    """Return the files below a place of the run, relative to the run, in order."""
    found = (path for path in (folder / place).rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _file(crate: ROCrate, folder: Path, name: str) -> Entity:
    return crate.add_file(dest_path=name, properties=_described(folder / name, name))


def _described(path: Path, name: str) -> dict[str, object]:
    """Return name, type, size and hash of a file."""
    told: dict[str, object] = {"name": name}
    kind = _FURTHER_TYPES.get(path.suffix) or _TYPES.guess_type(path.name)[0]
    if kind:
        told["encodingFormat"] = kind
    if name != PROVENANCE:
        content = path.read_bytes()
        told["contentSize"] = str(len(content))
        told["sha256"] = hashlib.sha256(content).hexdigest()
    return told
