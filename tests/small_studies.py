"""Small made studies: good ones, and the ways in which people get them wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Files = dict[str, str | bytes]

CLAIMS_HEADER = (
    "claim_id,analysis,population,endpoint,timepoint,group,reference,statistic,field,"
    "printed,value,relation,unit,conf_level,test,alternative,role,source,locator,quote,"
    "note\n"
)

#: Made rows; the printed p-value of the response is the one of Fisher's exact test.
GOOD: Files = {
    "study.yaml": """\
id: good
title: A made trial
citation: {text: Nobody N. A made trial. 2020.}
design: Twelve made patients in two arms.
sources:
  paper: {citation: Made for a test, trust: primary}
populations:
  everyone: {label: All patients, n: 12}
  adults: {label: Adults, where: age >= 18}
datasets:
  patients:
    file: patients.csv
    kind: individual
    source: paper
    locator: Table 1
    columns:
      patient: {role: id}
      arm: {role: group, coding: [T, S]}
      age: {role: covariate, unit: years}
      months: {role: time, unit: months}
      died: {role: event, coding: {0: alive, 1: dead}}
      response: {role: value, coding: [complete, partial, none]}
    derive:
      responded: {event_from: {column: response, codes: [complete, partial]}}
analyses:
  responses:
    method: tables
    dataset: patients
    population: everyone
    endpoint: Response
    columns: {event: responded, group: arm}
    groups: [T, S]
""",
    "claims.csv": CLAIMS_HEADER
    + "C1,responses,everyone,Response,,T,S,odds_ratio,p_value,0.08,0.08,=,,,,,check,"
    "paper,Table 2,p=0.08,\n"
    "C2,responses,everyone,Response,,T,,proportion,estimate,83%,83,=,%,,,,check,"
    "paper,Table 2,5/6 (83%),\n"
    "C3,,everyone,Safety,,,,count,estimate,no events,,words,,,,,context,"
    "paper,Table 3,no events,Not testable.\n",
    "patients.csv": """\
patient,arm,age,months,died,response
P01,T,20,12,0,complete
P02,T,31,12,0,complete
P03,T,44,9,1,partial
P04,T,17,12,0,partial
P05,T,28,12,0,complete
P06,T,52,10,0,none
P07,S,23,3,1,none
P08,S,35,12,0,partial
P09,S,41,5,1,none
P10,S,16,8,1,none
P11,S,29,6,1,none
P12,S,60,12,0,none
""",
}

#: A curve of two arms. A: events at 1, 2, 3; censored at 2.5 and 4. B: events at 1.5
#: and 3.5; two censored at 5. Product limits by hand: 4/5, 3/5, 3/10 and 3/4, 1/2.
CURVE: Files = {
    "study.yaml": """\
id: good
title: A made trial
citation: {text: Nobody N. A made trial. 2020.}
design: Nine made patients in two arms.
sources:
  paper: {citation: Made for a test, trust: primary}
populations:
  everyone: {label: All patients, n: 9}
datasets:
  figure:
    file: figure.csv
    kind: curve
    source: paper
    locator: Figure 1
    columns:
      arm: {role: group, coding: [A, B]}
      t: {role: time, unit: months}
      s: {role: survival}
      risk: {role: number_at_risk}
      mark: {role: event}
    curve: {error: 0.002}
analyses:
  curve:
    method: kaplan_meier
    dataset: figure
    endpoint: Survival
    columns: {time: time, event: event, group: group}
    groups: [A, B]
    times: [2, 3]
  test:
    method: log_rank
    dataset: figure
    endpoint: Survival
    columns: {time: time, event: event, group: group}
  model:
    method: cox
    dataset: figure
    endpoint: Survival
    columns: {time: time, event: event, group: group}
""",
    "figure.csv": """\
arm,t,s,risk,mark
A,0,1,5,
A,1,0.8,,
A,2,0.6,4,
A,3,0.3,,
A,4,0.3,1,
B,0,1,4,
B,1.5,0.75,,
B,2,,3,
B,3.5,0.5,,
B,5,0.5,,
""",
    "claims.csv": CLAIMS_HEADER
    + "C1,curve,,Survival,2,A,,survival_probability,estimate,0.60,0.60,=,,,,,check,"
    "paper,Text,0.60,\n"
    "C2,test,,Survival,,,,log_rank,p_value,0.0001,0.0001,=,,,,,check,paper,Text,"
    "0.0001,\n",
}

SURVIVAL = """\
  survival:
    method: kaplan_meier
    dataset: patients
    population: everyone
    endpoint: Survival
    columns: {id: patient, time: months, event: died, group: arm}
    groups: [T, S]
    times: [6, 12]
"""
COX = """\
  survival_cox:
    method: cox
    dataset: patients
    population: adults
    endpoint: Survival
    columns: {id: patient, time: months, event: died, group: arm}
    groups: [T, S]
"""
AGE = """\
  age:
    method: wilcoxon
    dataset: patients
    population: everyone
    endpoint: Age
    columns: {value: age, group: arm}
    groups: [T, S]
"""


def write(folder: Path, files: Mapping[str, str | bytes], name: str = "") -> Path:
    """Write a study folder; ``name`` becomes its id."""
    folder.mkdir(parents=True)
    for file, content in files.items():
        if isinstance(content, str):
            content = content.encode()
        if name and file == "study.yaml":
            content = content.replace(b"id: good\n", f"id: {name}\n".encode(), 1)
        (folder / file).write_bytes(content)
    return folder


def good(*analyses: str) -> Files:
    """Return the good study, with further analyses."""
    return {**GOOD, "study.yaml": str(GOOD["study.yaml"]) + "".join(analyses)}


@dataclass(frozen=True)
class Mistake:
    """What is done to the good study, and what must be said of it."""

    change: Callable[[Files], Files]
    says: tuple[str, ...]


def _edit(file: str, old: str, new: str) -> Callable[[Files], Files]:
    def change(files: Files) -> Files:
        text = files[file]
        assert isinstance(text, str)
        assert old in text, (file, old)
        return {**files, file: text.replace(old, new, 1)}

    return change


def _bytes(file: str, function: Callable[[str], bytes]) -> Callable[[Files], Files]:
    return lambda files: {**files, file: function(str(files[file]))}


def _without(file: str) -> Callable[[Files], Files]:
    return lambda files: {k: v for k, v in files.items() if k != file}


def _also(file: str, text: str) -> Callable[[Files], Files]:
    return lambda files: {**files, file: str(files.get(file, "")) + text}


def _study(old: str, new: str, *says: str) -> Mistake:
    return Mistake(_edit("study.yaml", old, new), ("study.yaml", *says))


def _claims(old: str, new: str, *says: str) -> Mistake:
    return Mistake(_edit("claims.csv", old, new), ("claims.csv", *says))


def _rows(old: str, new: str, *says: str) -> Mistake:
    return Mistake(_edit("patients.csv", old, new), ("patients.csv", *says))


def _summary(rows: str) -> Callable[[Files], Files]:
    def change(files: Files) -> Files:
        text = str(files["study.yaml"]).replace(
            "analyses:\n",
            """\
  counts:
    file: counts.csv
    kind: summary
    source: paper
    locator: Table 2
    columns:
      arm: {role: group}
      k: {role: count}
      n: {role: n}
analyses:
  counted:
    method: tables
    dataset: counts
    endpoint: Response
    columns: {group: arm, count: k, n: n}
""",
        )
        return {**files, "study.yaml": text, "counts.csv": rows}

    return change


_FIRST = "P01,T,20,12,0,complete"
_C1 = (
    "C1,responses,everyone,Response,,T,S,odds_ratio,p_value,0.08,0.08,=,,,,,check,paper"
)

MISTAKES: dict[str, Mistake] = {
    # The folder and study.yaml as a file.
    "no_study_yaml": Mistake(
        _without("study.yaml"), ("no study.yaml", "data/_template/study.yaml")
    ),
    "no_claims": Mistake(_without("claims.csv"), ("no claims.csv",)),
    "no_table": Mistake(
        _without("patients.csv"), ("patients.csv", "does not exist", "header line")
    ),
    "yaml_empty": Mistake(_bytes("study.yaml", lambda _: b""), ("study.yaml", "map")),
    "yaml_broken": _study(
        "title: A made trial", "title: A made: trial", "row 2", "not YAML", "quotes"
    ),
    "yaml_tab": _study("  paper: {cit", "\tpaper: {cit", "row 6", "not YAML"),
    "yaml_latin1": Mistake(
        _bytes("study.yaml", lambda t: t.replace("Nobody", "Nöbody").encode("latin-1")),
        ("study.yaml", "UTF-8"),
    ),
    "yaml_key_twice": _study(
        "title: A made trial", "title: One\ntitle: Two", "row 3", "twice", "'title'"
    ),
    "yaml_key_no_name": _study(
        "title: A made trial", "[a, b]: A made trial", "row 2", "no plain name"
    ),
    "yaml_list": Mistake(
        _bytes("study.yaml", lambda _: b"- id: x\n"), ("study.yaml", "a map of keys")
    ),
    # Keys and names in study.yaml.
    "key_misspelt": _study(
        "design: Twelve", "desing: Twelve", "'desing' is unknown", "'design' is meant"
    ),
    "key_missing": _study("title: A made trial\n", "", "'title' is missing"),
    "id_other": _study("id: good", "id: other", "column 'id'", "'other'", "id_other"),
    "id_capital": _study("id: good", "id: Smith 2020", "Smith 2020", "a-z"),
    "method_unknown": _study(
        "method: tables", "method: table", "analyses.responses.method", '"table"', "cox"
    ),
    "method_list": _study(
        "method: tables", "method: [tables]", "analyses.responses.method"
    ),
    "method_absent": _study("    method: tables\n", "", "responses.method", "missing"),
    "role_unknown": _study(
        "age: {role: covariate", "age: {role: age", '"age"', "covariate"
    ),
    "kind_unknown": _study("kind: individual", "kind: raw", '"raw"', "reconstructed"),
    "dataset_unknown": _study(
        "dataset: patients", "dataset: patient", "'patient'", "'patients' is meant"
    ),
    "dataset_absent": _study(
        "    dataset: patients\n", "", "analyses.responses", "names no dataset"
    ),
    "population_unknown": _study(
        "population: everyone", "population: all", "'all'", "everyone, adults"
    ),
    "source_unknown": _study(
        "source: paper", "source: papers", "datasets.patients.source", "'paper'"
    ),
    "analysis_name": _study(
        "  responses:\n", "  ../Responses:\n", "../Responses", "letters"
    ),
    "column_undeclared": Mistake(
        _edit("study.yaml", "      age: {role: covariate, unit: years}\n", ""),
        ("patients.csv", "row 1", "'age'", "unknown column"),
    ),
    "column_of_role": _study(
        "group: arm}", "group: arms}", "analyses.responses", "'arms'", "arm"
    ),
    "roles_too_few": _study(
        "{event: responded, group: arm}",
        "{event: responded}",
        "analyses.responses",
        "tables",
        "event, group",
    ),
    "where_unknown_column": _study(
        "population: everyone",
        "population: everyone\n    where: arms = T",
        "'arms'",
        "'arm' is meant",
    ),
    "where_grammar": _study(
        "population: everyone",
        "population: everyone\n    where: age >> 18",
        "analyses.responses",
        "age >> 18",
    ),
    "where_code": _study(
        "population: everyone",
        "population: everyone\n    where: __import__('os').getcwd() = 1",
        "__import__",
    ),
    "where_nobody": _study(
        "population: everyone",
        "population: everyone\n    where: age > 99",
        "no row",
        "analyses.responses",
    ),
    "derive_unknown": _study(
        "event_from: {column", "events_from: {column", "'event_from' is meant"
    ),
    "derive_column": _study(
        "{column: response,", "{column: respons,", "'respons'", "response"
    ),
    "setting_unknown": _study(
        "groups: [T, S]", "groups: [T, S]\n    settings: {tests: fisher}", "'test'"
    ),
    "setting_value": _study(
        "groups: [T, S]", "groups: [T, S]\n    settings: {test: fischer}", "fischer"
    ),
    "convention_unknown": _study(
        "groups: [T, S]",
        "groups: [T, S]\n    paper: {convention: chi_sqare}",
        "'chi_square' is meant",
    ),
    "group_without_rows": _study("groups: [T, S]", "groups: [T, C]", "'C'", "T, S"),
    # The table.
    "semicolons": Mistake(
        _bytes("patients.csv", lambda t: t.replace(",", ";").encode()),
        ("patients.csv", "row 1", "separated by commas"),
    ),
    "byte_order_mark": Mistake(
        _bytes("patients.csv", lambda t: t.encode("utf-8-sig")),
        ("patients.csv", "byte-order mark"),
    ),
    "windows_line_ends": Mistake(
        _bytes("patients.csv", lambda t: t.replace("\n", "\r\n").encode()),
        ("patients.csv", "Windows"),
    ),
    "utf16": Mistake(
        _bytes("patients.csv", lambda t: t.encode("utf-16")),
        ("patients.csv", "UTF-16"),
    ),
    "latin1": Mistake(
        _bytes("patients.csv", lambda t: t.replace("P03", "Pé").encode("latin-1")),
        ("patients.csv", "row 4", "UTF-8"),
    ),
    "zero_byte": Mistake(
        _bytes("patients.csv", lambda t: t.replace("P03", "P\0").encode()),
        ("patients.csv", "zero byte"),
    ),
    "empty_table": Mistake(
        _bytes("patients.csv", lambda _: b""), ("patients.csv", "empty")
    ),
    "no_rows": Mistake(
        _bytes("patients.csv", lambda t: t.partition("\n")[0].encode()),
        ("patients.csv", "no rows", "awaited"),
    ),
    "blank_line": _rows("\nP02", "\n\nP02", "row 3", "blank"),
    "row_too_long": _rows(_FIRST, _FIRST + ",x", "row 2", "7 cells"),
    "decimal_comma": _rows("P02,T,31,12", 'P02,T,31,"12,5"', "row 3", "12.5"),
    "decimal_comma_bare": _rows("P02,T,31,12", "P02,T,31,12,5", "row 3", "7 cells"),
    "quote_open": _rows("P02,T", 'P02,"T', "quoting"),
    "text_in_numbers": _rows(
        "P02,T,31,12", "P02,T,31,12 mo", "row 3", "'months'", "12 mo", "a number"
    ),
    "missing_written_out": _rows(
        "P02,T,31,12", "P02,T,31,NA", "row 3", "'months'", "'NA'", "an empty cell"
    ),
    "negative_time": _rows("P02,T,31,12", "P02,T,31,-1", "row 3", "'-1'", "zero"),
    "nan_time": _rows("P02,T,31,12", "P02,T,31,nan", "row 3", "'nan'", "empty cell"),
    "infinite_time": _rows("P02,T,31,12", "P02,T,31,1e999", "row 3", "'1e999'"),
    "event_code": _rows("P02,T,31,12,0", "P02,T,31,12,2", "row 3", "'died'", "0, 1"),
    "group_code": _rows("P02,T", "P02,t", "row 3", "'arm'", "'t'", "T, S"),
    "patient_twice": _rows("P02,", "P01,", "row 3", "'P01'", "row 2"),
    "header_misspelt": _rows("months,", "month,", "row 1", "'months'", "'month'"),
    "header_twice": _rows("months,", "age,", "twice", "'age'"),
    "header_nameless": _rows("months,", ",", "no name"),
    "event_not_binary": Mistake(
        lambda files: _edit("study.yaml", "event: responded", "event: age")(files),
        ("patients.csv", "row 2", "'age'", "neither 0 nor 1"),
    ),
    "one_group": Mistake(
        lambda files: {
            **_edit("study.yaml", "    groups: [T, S]\n", "")(files),
            "patients.csv": str(files["patients.csv"]).replace(",S,", ",T,"),
        },
        ("patients.csv", "'arm'", "two groups"),
    ),
    "more_events_than_patients": Mistake(
        _summary("arm,k,n\nT,5,6\nS,7,6\n"), ("counts.csv", "row 3", "'k'", "7", "6")
    ),
    "half_a_patient": Mistake(
        _summary("arm,k,n\nT,5,6\nS,2.5,6\n"), ("counts.csv", "row 3", "whole number")
    ),
    # claims.csv.
    "claims_column": _claims("printed,value", "print,value", "row 1", "'printed'"),
    "claim_twice": _claims("\nC2,", "\nC1,", "row 3", "'C1'", "row 2"),
    "claim_analysis_unknown": _claims(
        "C1,responses", "C1,response", "row 2", "'response'", "'responses' is meant"
    ),
    "claim_without_analysis": _claims(
        "C1,responses", "C1,", "row 2", "names no analysis", "context"
    ),
    "claim_statistic": _claims(
        "odds_ratio", "odd_ratio", "row 2", "'statistic'", "'odds_ratio' is meant"
    ),
    "claim_field": _claims("p_value", "p", "row 2", "field", "p_value"),
    "claim_relation": _claims("0.08,0.08,=", "0.08,0.08,==", "row 2", "relation", "<"),
    "claim_no_number": _claims(
        "0.08,0.08,=", "0.08,about 0.08,=", "row 2", "'value'", "about 0.08"
    ),
    "claim_decimal_comma": _claims(
        "0.08,0.08,=", '"0,08","0,08",=', "row 2", "'value'", "0,08", "decimal point"
    ),
    "claim_lost_digits": _claims(
        "0.08,0.08,=", "0.080,0.08,=", "row 2", "'value'", "0.080"
    ),
    "claim_p_above_one": _claims(
        "0.08,0.08,=", "1.08,1.08,=", "row 2", "between 0 and 1"
    ),
    "claim_words_with_value": _claims(
        "no events,,words", "no events,0,words", "row 4", "words have no value"
    ),
    "claim_no_printed": _claims("0.08,0.08,=", ",0.08,=", "row 2", "printed"),
    "claim_group": _claims(",,T,S,odds", ",,X,S,odds", "row 2", "'X'", "T, S"),
    "claim_source": _claims("check,paper", "check,book", "row 2", "'book'", "paper"),
    "claim_role": _claims("=,,,,,check", "=,,,,,test", "row 2", "role", "context"),
    "claim_no_reason": _claims(
        "no events,Not testable.", "no events,", "row 4", "'note'"
    ),
    "claim_conf_level": _claims(
        "=,,,,,check", "=,,95%,,,check", "row 2", "conf_level", "0.95"
    ),
    "adjudication_claim": Mistake(
        _also(
            "adjudication.csv", "claim_id,decision,reason,by,date\nC9,ok,x,me,2020\n"
        ),
        ("adjudication.csv", "row 2", "'C9'"),
    ),
    "arithmetic_input": Mistake(
        _also(
            "study.yaml",
            "  added:\n    method: arithmetic\n    endpoint: x\n    operation: sum\n"
            "    statistic: n\n    inputs: [C1, C9]\n",
        ),
        ("study.yaml", "analyses.added.inputs", "'C9'"),
    ),
    "percent_of_text": Mistake(
        _edit(
            "study.yaml",
            "      responded: {event",
            "      k: {count_from_percent: {percent: response, n: months}}\n"
            "      responded: {event",
        ),
        ("study.yaml", "datasets.patients.derive", "complete", "percentage"),
    ),
}
