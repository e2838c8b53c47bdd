"""Decide which drawing serves which analysis, and write a study's figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from reanalysis import captions, display_tables
from reanalysis.analyses import HEADLINE, PRIMARY
from reanalysis.forest_rows import estimate_text, name_of, short_time
from reanalysis.formatting import (
    MISSING,
    capitalised,
    journal_interval,
    journal_number,
    journal_p,
)
from reanalysis.job import whole_file, write_text
from reanalysis.printed import (
    PrintedNumber,
    place_of,
    printed_numbers,
    printed_said,
)

if TYPE_CHECKING:
    from reanalysis.figures.sheet import Sheet

Rows = Sequence[Mapping]

#: Below this width in millimetres a forest leaves out the ranges of p-values.
WIDE_MM = 150

#: Limits that are named by the scale they are computed on.
SCALES = frozenset({"log-log", "log", "plain", "logit", "arcsine"})


def draw(
    study: Mapping,
    *,
    tables: Mapping[str, list],
    failures: Mapping[str, str],
    rows: Rows,
    claims: Rows,
    figures: Mapping[str, str],
    looks: Mapping,
    folder: str,
) -> None:
    """Write every figure of one study.

    ``figures`` maps the name of each figure to its analysis, ``tables`` the analysis
    to the data its method gives for drawing. Whatever failed (the study, or a method
    in ``failures``) becomes a figure that says so.
    """
    from reanalysis.figures.sheet import Sheet, notice, rendered
    from reanalysis.figures.style import Look

    look = Look.of(looks)
    by_analysis: dict[str, list[Mapping]] = {}
    for row in rows:
        by_analysis.setdefault(str(row["analysis"]), []).append(row)
    printed = printed_numbers(claims, rows)
    with look.applied():
        for name, analysis in figures.items():
            sheet = Sheet(look)
            problem = _problem(study, analysis, failures)
            title = f"{study.get('title', study['id'])}: {_label(study, analysis)}"
            text = None
            if not problem:
                drawing = _Drawing(
                    study=study,
                    name=analysis,
                    tables=tables.get(analysis, []),
                    rows=by_analysis.get(analysis, []),
                    everything=rows,
                    printed=printed.get(analysis, []),
                    others=printed,
                )
                part = name.removeprefix(analysis).removeprefix("_")
                text = drawing.draw(sheet, part)
                if text is None:
                    own = by_analysis.get(analysis, [])
                    problem = _UNDRAWN.get(part) or _no_numbers(own)
            if problem:
                notice(sheet, _label(study, analysis), problem)
                text = captions.failure(title, problem)
            write_figure(f"{folder}/{name}", sheet, text or "", rendered, look, title)


def write_figure(
    stem: str, sheet: Sheet, caption: str, rendered: object, look: object, title: str
) -> None:
    """Write a figure's five files."""
    from reanalysis.figures.sheet import DRAWN

    for ending, content in rendered(sheet.figure(), look, title).items():  # type: ignore[operator]
        with whole_file(f"{stem}.{ending}", "wb") as handle:
            handle.write(content)
    write_text(
        f"{stem}.csv",
        display_tables.as_csv(DRAWN, ([row[c] for c in DRAWN] for row in sheet.drawn)),
    )
    write_text(f"{stem}.txt", caption)


def _label(study: Mapping, analysis: str) -> str:
    declared = study.get("analyses", {}).get(analysis, {})
    text = str(declared.get("label", analysis.replace("_", " ")))
    return capitalised(text)


def _problem(study: Mapping, analysis: str, failures: Mapping[str, str]) -> str:
    if study["status"] != "ok":
        return f"The study could not be read. {study['message']}"
    declared = study["analyses"].get(analysis)
    if declared is None:
        return "The study declares no such analysis."
    return failures.get(declared["method"], "")


def _no_numbers(rows: Rows) -> str:
    """Say why no scenario gives a number that could be drawn."""
    empty = [r for r in rows if math.isnan(r["estimate"]) and math.isnan(r["p_value"])]
    named = [
        f"{name_of(str(r['statistic'])).lower()}: {r['note']}"
        for r in empty
        if r["note"] and r["scenario"] == PRIMARY
    ]
    if not named:
        return "The method gave no number for these data."
    said = "; ".join(list(dict.fromkeys(named))[:3])
    return f"No scenario gives a number to draw ({said})."


class _Drawing:
    """One analysis on its way to a figure."""

    def __init__(
        self,
        *,
        study: Mapping,
        name: str,
        tables: list,
        rows: Rows,
        everything: Rows,
        printed: Sequence[PrintedNumber],
        others: Mapping[str, Sequence[PrintedNumber]],
    ) -> None:
        self.study = study
        self.name = name
        self.analysis = study["analyses"][name]
        self.tables = tables
        self.rows = rows
        self.primary = [row for row in rows if row["scenario"] == PRIMARY]
        self.everything = everything
        self.printed = list(printed)
        self.others = others
        #: Rows that the caption speaks of.
        self.shown: list[Mapping] = []

    def draw(self, sheet: Sheet, part: str = "") -> str | None:
        """Fill the sheet and return the caption; None when there is nothing to draw.

        ``part`` is what the figure's name has beyond the analysis': nothing,
        ``sensitivity``, or a part of a model (:data:`_UNDRAWN`).
        """
        sensitivity = part == "sensitivity"
        if part in _UNDRAWN:
            drawn = self._model(sheet, part)
        else:
            drawn = None if sensitivity else self._data(sheet)
            if drawn is None:
                drawn = self._forest(sheet, sensitivity=sensitivity)
        if drawn is None:
            return None
        return captions.caption(
            study=self.study,
            analysis=self.analysis,
            method=self.analysis["method"],
            drawn=drawn,
            rows=self.shown or self.primary,
            printed=self._compared(),
            sensitivity=sensitivity or drawn.startswith("Rows are scenarios"),
        )

    def _data(self, sheet: Sheet) -> str | None:
        """Draw the patients' data, None when the method gave none."""
        panels = [
            (number, part["endpoint"], part["tables"])
            for number, part in enumerate(self.tables)
            if part["tables"]
        ]
        said = None
        for number, endpoint, tables in panels:
            sample = self.analysis["samples"][number]
            title = endpoint if len(panels) > 1 else ""
            mark = sheet.y
            for key, draw in (
                ("curve", self._survival),
                ("incidence", self._incidence),
                ("pairs", self._pairs),
                ("visits", self._visits),
                ("courses", self._courses),
                ("values", self._values),
                ("chances", self._chances),
                ("mean_cumulative", self._mean_events),
                ("selection", self._selection),
                ("balance", self._balance),
            ):
                if key in tables and _rows_in(tables[key]):
                    text = draw(sheet, tables, sample, endpoint, title)
                    said = text if said in (None, text) else f"{said} {text}"
            if sheet.y > mark:
                sheet.y += 6
        return said

    def _survival(
        self, sheet: Sheet, tables: Mapping, sample: Mapping, endpoint: str, title: str
    ) -> str:
        from reanalysis.figures import kaplan_meier

        groups = list(dict.fromkeys(str(g) for g in tables["curve"]["group"]))
        rows = [r for r in self.primary if r["endpoint"] in (endpoint, self._endpoint)]
        own = [p for p in self.printed if p.place[0] in (endpoint, self._endpoint)]
        medians = {
            str(r["group"]): r
            for r in reversed(rows)
            if r["statistic"] == "median_survival" and r["group"] in groups
        }
        drawn = ("survival_probability", "median_survival")
        self.shown += [
            r for r in rows if r["statistic"] in drawn and r["group"] in groups
        ]
        test = self._log_rank(endpoint)
        axis = endpoint or self._endpoint
        if axis.lower().startswith(("time ", "duration ", "waiting ")):
            # The curve shows the share of patients, not their times.
            title, axis = axis[:1].upper() + axis[1:], "still without the event"
        kaplan_meier.draw(
            sheet,
            kaplan_meier.Survival(
                title=title,
                axis=f"{axis[:1].upper()}{axis[1:]} (%)",
                time_unit=sample["time_unit"],
                kind=self.analysis["kind"],
                tables=tables,
                groups=groups,
                said={g: self._median_said(g, medians.get(g), own) for g in groups},
                remarks=[test] if test else [],
                medians={g: r["estimate"] for g, r in medians.items()},
                printed=[
                    (p.place[2], float(p.place[5]), p.value, f"{p.text} ({p.claim_id})")
                    for p in own
                    if p.place[1] == "survival_probability"
                    and p.field == "estimate"
                    and _is_number(p.place[5])
                    and math.isfinite(p.value)
                    and (p.place[2] in groups)
                ],
            ),
        )
        interval = next((str(r["interval_method"]) for r in medians.values()), "")
        limits = interval.rpartition(", ")[2]
        limits += " scale" if limits in SCALES else ""
        banded = "band_low" in tables["curve"]
        seen = "hatched" if self.analysis["kind"] != "individual" else "shaded"
        return (
            f"Kaplan-Meier curves; {seen}: pointwise limits ({limits}); "
            + (f"dotted: {self._band(rows)}; " if banded else "")
            + "upright marks: censored patients; thin lines: medians. The table counts "
            "patients at risk at each time, and events and censorings before it."
        )

    def _model(self, sheet: Sheet, part: str) -> str | None:
        """Draw the likelihood or the residuals of a model, a panel per column."""
        said = None
        for sample, found in zip(self.analysis["samples"], self.tables, strict=True):
            table = found["tables"].get(part)
            if not table or not _rows_in(table):
                continue
            for column in dict.fromkeys(map(str, table["column"])):
                where = [found["endpoint"]] if len(self.tables) > 1 else []
                title = ", ".join([*where, column])
                draw = self._likelihood if part == "likelihood" else self._residuals
                said = draw(sheet, found, sample, column, title)
                sheet.y += 6
        return said

    def _likelihood(
        self, sheet: Sheet, found: Mapping, sample: Mapping, column: str, title: str
    ) -> str:
        from reanalysis.figures import likelihood

        tables = found["tables"]
        limits = _where(tables["limits"], column)
        rows = self._of_column("hazard_ratio", found["endpoint"], column)
        self.shown += rows[:1]
        level = next((r["conf_level"] for r in rows if r["conf_level"] > 0), 0.95)
        percent = f"{100 * level:g}%"
        ends, said = {}, {}
        for curve, b, low, high in zip(
            *(limits[key] for key in ("curve", "estimate", "low", "high")), strict=True
        ):
            ends[curve] = (low, high)
            shown = [_ratio(x) for x in (b, low, high)]
            said[curve] = (
                f"{likelihood.CURVES[curve]}: {shown[0]} ({percent} limits, {shown[1]} "
                f"to {shown[2]})"
            )
        cut = limits["cut"][0]
        likelihood.draw(
            sheet,
            title=capitalised(title),
            kind=self.analysis["kind"],
            curves=_where(tables["likelihood"], column),
            said=said,
            ends=ends,
            cut=cut,
            cut_said=f"{percent} limits",
        )
        return (
            "Log likelihood of each hazard ratio, other coefficients at their best, "
            "less its maximum. Limits (marks) lie where a curve falls below the dashed "
            f"line, {-cut:.2f} under the maximum (half the chi-square quantile). Where "
            "the parabola leaves the curve, a Wald interval leaves the data."
        ) + (
            " The likelihoods take the rows as independent, the parabola does not."
            if "robust" in ends
            else ""
        )

    def _residuals(
        self, sheet: Sheet, found: Mapping, sample: Mapping, column: str, title: str
    ) -> str:
        from reanalysis.figures import residuals

        tables = found["tables"]
        points = _where(tables["residuals"], column)
        smooth = _where(tables.get("smooth", {"column": []}), column)
        remarks = []
        for wanted, about in (
            (column, ""),
            ("group", ", all groups"),
            ("", ", all columns"),
        ):
            for row in self._of_column(
                "proportional_hazards", found["endpoint"], wanted
            ):
                if not math.isnan(row["p_value"]):
                    self.shown += [row] * (row not in self.shown)
                    remarks.append(
                        f"Proportional hazards{about}: {row['test']}, "
                        f"p {_p_said(row['p_value'])}"
                    )
        residuals.draw(
            sheet,
            title=capitalised(title),
            kind=self.analysis["kind"],
            time_unit=sample["time_unit"],
            points=points,
            line=smooth if smooth["column"] else None,
            estimate=points["estimate"][0],
            remarks=remarks,
        )
        said = (
            "A mark is an event: the log hazard ratio at its time, by the scaled "
            "Schoenfeld residual. Solid line: the constant log hazard ratio of the "
            "model; dashed line: no difference."
        )
        if smooth["column"]:
            said += " Curve and band: natural spline of 4 df with pointwise limits."
        return said + (
            " A trend up or down speaks against a constant hazard ratio; a test that "
            "finds none is no proof of one."
        )

    def _of_column(self, statistic: str, endpoint: str, column: str) -> list[Mapping]:
        """Return the primary rows of one column of a model ("" for all together)."""
        return [
            row
            for row in self.primary
            if row["statistic"] == statistic
            and row["endpoint"] in (endpoint, self._endpoint)
            and (row["term"] or _against(row)) == column
        ]

    @staticmethod
    def _band(rows: Rows) -> str:
        """Name the simultaneous band as the rows do."""
        named = (
            str(r["interval_method"]) for r in rows if r["statistic"] == "survival_band"
        )
        kind, _, scale = next(named, "").partition(", ")
        return f"simultaneous {kind or 'band'}" + (f" ({scale} scale)" if scale else "")

    def _incidence(
        self, sheet: Sheet, tables: Mapping, sample: Mapping, endpoint: str, title: str
    ) -> str:
        from reanalysis.figures import incidence

        table = tables["incidence"]
        groups = list(dict.fromkeys(str(g) for g in table["group"]))
        causes = list(dict.fromkeys(str(c) for c in table["cause"]))
        rows = [
            r
            for r in self.primary
            if r["endpoint"] in (endpoint, self._endpoint) and r["cause"] == causes[0]
        ]
        own = [p for p in self.printed if p.place[0] in (endpoint, self._endpoint)]
        incidences = [r for r in rows if r["statistic"] == "cumulative_incidence"]
        self.shown += [
            r
            for r in rows
            if r["statistic"] in ("cumulative_incidence", "median_survival")
            and r["group"] in groups
        ]
        # The overall test, or that of the two groups.
        tests = [
            r
            for r in rows
            if r["statistic"] == "incidence_test" and not math.isnan(r["p_value"])
        ]
        overall = [r for r in tests if not r["reference"]] or tests
        self.shown += overall[:1]
        remarks = [
            _tested(
                r,
                [
                    p
                    for p in own
                    if p.place[1] == "incidence_test" and p.field == "p_value"
                ]
                if number == 0
                else [],
            )
            for number, r in enumerate(overall)
            if r["group"] == overall[0]["group"]
        ]
        incidence.draw(
            sheet,
            incidence.Competing(
                title=title,
                time_unit=sample["time_unit"],
                kind=self.analysis["kind"],
                tables=tables,
                causes=causes,
                groups=groups,
                said={g: _incidence_said(g, incidences, rows) for g in groups},
                remarks=remarks,
                printed=[
                    (p.place[2], float(p.place[5]), p.value, f"{p.text} ({p.claim_id})")
                    for p in own
                    if p.place[1] == "cumulative_incidence"
                    and p.field == "estimate"
                    and _is_number(p.place[5])
                    and math.isfinite(p.value)
                    and p.place[2] in groups
                ],
            ),
        )
        seen = "hatched" if self.analysis["kind"] != "individual" else "shaded"
        said = (
            f"Cumulative incidence of each cause; {seen}: pointwise limits; thin "
            "dashes in the same colour: 1 minus Kaplan-Meier, which censors the other "
            "causes and so lies above the share of patients who had the event. The "
            "vertical scales of the panels differ. The table counts patients at risk "
            "at each time, and events of interest, competing events and censorings "
            "before it."
        )
        if len(groups) <= incidence.MOST_STACKS:
            said += (
                " Below, the causes are stacked: what is left white had no event; a "
                "hatched end is beyond the last follow-up."
            )
        return said

    @property
    def _endpoint(self) -> str:
        return str(self.analysis["endpoint"])

    def _median_said(
        self, group: str, row: Mapping | None, printed: Sequence[PrintedNumber]
    ) -> str:
        name = group or "All patients"
        if row is None:
            return name
        unit = f" {row['unit']}" if row["unit"] else ""
        count = f"n = {row['n']:.0f}, {row['events']:.0f} events"
        if math.isnan(row["estimate"]):
            text = f"{name}: {count}; median not reached"
        else:
            text = f"{name}: {count}; median {short_time(row['estimate'])}{unit}"
        low, high = row["conf_low"], row["conf_high"]
        if not (math.isnan(low) and math.isnan(high)):
            ends = [
                "not reached" if math.isnan(x) else short_time(x) for x in (low, high)
            ]
            level = f"{100 * row['conf_level']:g}"
            text += f" ({level}% CI, {ends[0]} to {ends[1]})"
        said = printed_said(
            [
                p
                for p in printed
                if p.place[1] == "median_survival"
                and p.field == "estimate"
                and p.place[2] == group
            ]
        )
        return f"{text}; {said}" if said else text

    def _log_rank(self, endpoint: str) -> str:
        """Name the log-rank test of the same data and endpoint with its p-value."""
        for row in self.everything:
            if (
                row["statistic"] == "log_rank"
                and row["scenario"] == PRIMARY
                and not math.isnan(row["p_value"])
                and self._same_patients(str(row["analysis"]), endpoint)
            ):
                printed = [
                    p
                    for p in self.others.get(str(row["analysis"]), [])
                    if p.place[1] == "log_rank" and p.field == "p_value"
                ]
                self.shown.append(row)
                return _tested(row, printed)
        return ""

    def _same_patients(self, other: str, endpoint: str) -> bool:
        """Tell whether another analysis compares the very rows drawn here."""
        mine = next(s for s in self.analysis["samples"] if s["endpoint"] == endpoint)
        return any(
            all(
                mine["columns"].get(role) == sample["columns"].get(role)
                for role in ("start", "stop", "time", "event", "group")
            )
            for sample in self.study["analyses"][other]["samples"]
        )

    def _pairs(
        self, sheet: Sheet, tables: Mapping, sample: Mapping, endpoint: str, title: str
    ) -> str:
        import numpy as np

        from reanalysis.figures import paired

        pairs = tables["pairs"]
        groups = [str(g) for g in pairs.get("group", [""] * len(pairs["id"]))]
        named = [g for g in sample["groups"] if g in groups] or list(
            dict.fromkeys(groups)
        )
        held = {g: [i for i, own in enumerate(groups) if own == g] for g in named}
        paired.draw(
            sheet,
            title=title,
            axis=self._axis(sample, endpoint),
            kind=self.analysis["kind"],
            ends=("Before", "After"),
            groups=[
                paired.Pairs(
                    name=group,
                    patients=[str(pairs["id"][i]) for i in own],
                    before=np.array([pairs["before"][i] for i in own], dtype=float),
                    after=np.array([pairs["after"][i] for i in own], dtype=float),
                )
                for group, own in held.items()
            ],
            remarks=self._tests(endpoint),
        )
        return "A line is a patient, before and after; black bars are medians."

    def _visits(
        self, sheet: Sheet, tables: Mapping, sample: Mapping, endpoint: str, title: str
    ) -> str:
        from reanalysis.figures import visits

        table = tables["visits"]
        groups = table.get("group", [""] * len(table["visit"]))
        unit = sample["time_unit"]
        visits.draw(
            sheet,
            title=title,
            axis=self._axis(sample, endpoint),
            kind=self.analysis["kind"],
            visit_axis=f"Visit ({unit})" if unit else "Visit",
            values=[
                (str(g), _label_of(v), float(x))
                for g, v, x in zip(groups, table["visit"], table["value"], strict=True)
            ],
            groups=[g for g in sample["groups"] if g in set(map(str, groups))],
            remarks=self._tests(endpoint),
        )
        return (
            "A mark is a patient at a visit; the bar is the median, the box holds the "
            "middle half (from 5 patients on), whiskers reach 1.5 boxes at most."
        )

    def _courses(
        self, sheet: Sheet, tables: Mapping, sample: Mapping, endpoint: str, title: str
    ) -> str:
        from reanalysis.figures import courses

        change = self.analysis["options"].get("change_at")
        unit = sample["time_unit"]
        present = set(map(str, tables["courses"]["group"]))
        courses.draw(
            sheet,
            title=title,
            axis=self._axis(sample, endpoint),
            time_axis=f"Time ({unit})" if unit else "Time",
            kind=self.analysis["kind"],
            patients=tables["courses"],
            lines=tables.get("lines", {}),
            groups=[g for g in sample["groups"] if g in present],
            change=None if change is None else float(change),
            remarks=self._slopes(endpoint),
        )
        said = "A thin line with marks is a patient"
        if tables.get("lines"):
            said += (
                "; the thick line is the population line of the model, shaded its "
                "pointwise limits"
            )
        return said + ("; upright line: treatment." if change is not None else ".")

    def _slopes(self, endpoint: str) -> list[str]:
        """Return the first estimate of each slope, change and difference in words."""
        said: dict[tuple, str] = {}
        tests: dict[str, None] = {}
        for row in self.primary:
            if row["endpoint"] not in (endpoint, self._endpoint):
                continue
            named = str(row["statistic"]).removesuffix("_difference")
            if named not in ("slope", "slope_change") or math.isnan(row["estimate"]):
                continue
            place = (row["statistic"], row["group"], row["reference"], row["timepoint"])
            if place in said:
                continue
            self.shown.append(row)
            head = name_of(str(row["statistic"]))
            if row["timepoint"]:
                head += f" {row['timepoint']}"
            group = _against(row)
            head = f"{group}: {head.lower()}" if group else head
            unit = f" {row['unit']}" if row["unit"] else ""
            text = f"{head} {estimate_text(row)}{unit}"
            if not math.isnan(row["p_value"]):
                p = journal_p(row["p_value"])
                text += f", p {p}" if p[:1] in "<>" else f", p = {p}"
                tests[str(row["test"])] = None
            said[place] = text
        changes = [t for place, t in said.items() if "change" in place[0]]
        lines = list(said.values())
        lines = lines if len(lines) <= 6 else changes or lines[:6]
        by = "; ".join(tests)
        return [*lines, f"{by[:1].upper()}{by[1:]}"] if by else lines

    def _values(
        self, sheet: Sheet, tables: Mapping, sample: Mapping, endpoint: str, title: str
    ) -> str:
        from reanalysis.figures import groups as drawing

        table = tables["values"]
        groups = [str(g) for g in table.get("group", [""] * len(table["value"]))]
        drawing.draw(
            sheet,
            title=title,
            axis=self._axis(sample, endpoint),
            kind=self.analysis["kind"],
            values=[(g, float(x)) for g, x in zip(groups, table["value"], strict=True)],
            groups=[g for g in sample["groups"] if g in groups],
            remarks=self._tests(endpoint),
        )
        return (
            "A mark is a patient; the bar is the median, the box holds the middle half "
            "(from 5 patients on), whiskers reach 1.5 boxes at most."
        )

    def _chances(
        self, sheet: Sheet, tables: Mapping, sample: Mapping, endpoint: str, title: str
    ) -> str:
        from reanalysis.figures import chances

        table = tables["chances"]
        lines: dict[str, tuple[list[float], list[float]]] = {}
        for name, x, y in zip(table["series"], table["x"], table["y"], strict=True):
            xs, ys = lines.setdefault(str(name), ([], []))
            xs.append(float(x))
            ys.append(float(y))
        chances.draw(
            sheet,
            title=str(self.analysis["label"]),
            axis=str(table["axis"][0]),
            lines=lines,
            marks=[float(x) for x in table.get("mark", ())[:1] if x == x],
        )
        self.shown += [r for r in self.primary if r["statistic"] == "smallest_p_value"]
        return (
            "Lines: probability over the assumed truth; a thin line marks the power "
            "wanted of a test."
        )

    def _mean_events(
        self, sheet: Sheet, tables: Mapping, sample: Mapping, endpoint: str, title: str
    ) -> str:
        from reanalysis.figures import mean_cumulative

        curve = tables["mean_cumulative"]
        groups = list(dict.fromkeys(str(g) for g in curve["group"]))
        rows = [r for r in self.primary if r["endpoint"] in (endpoint, self._endpoint)]
        means = [
            r
            for r in rows
            if r["statistic"] == "mean_cumulative_count" and r["group"] in groups
        ]
        ratio = next(
            (r for r in rows if r["statistic"] == "hazard_ratio" and r["reference"]),
            None,
        )
        self.shown += means + ([ratio] if ratio else [])
        remarks = self._tests_of(ratio) if ratio else []
        mean_cumulative.draw(
            sheet,
            mean_cumulative.MeanEvents(
                title=title,
                axis="Mean number of events per patient",
                time_unit=sample["time_unit"],
                kind=self.analysis["kind"],
                curve=curve,
                risk=tables["risk"],
                groups=groups,
                said={g: _mean_said(g, means) for g in groups},
                remarks=remarks,
            ),
        )
        method = next((str(r["interval_method"]) for r in means), "")
        return (
            "Mean cumulative functions (Nelson): the mean number of events per patient "
            f"up to each time; shaded: pointwise limits ({method}). The table counts "
            "patients at risk at each time and events up to it."
        )

    def _freed(self, row: Mapping) -> list[str]:
        """Return the rate ratio freed of selection in a line, or why there is none."""
        of = f"{row['group']}: " if row["group"] else ""
        if math.isnan(row["estimate"]):
            return [of + str(row["note"])]
        ratio = {"statistic": "rate_ratio"}
        ends = (row["conf_low"], row["conf_high"], row["conf_level"])
        p = journal_p(row["p_value"])
        return [
            f"{of}rate ratio {journal_number(row['estimate'], **ratio)} "
            f"({journal_interval(*ends, **ratio)}), "
            f"p {p if p[:1] in '<>' + MISSING else f'= {p}'}"
        ]

    def _tests_of(self, row: Mapping) -> list[str]:
        """Return a ratio with its interval and test, the model named, in a line."""
        name = str(row["note"]).partition(" model.")[0]
        text = f"{name}: {name_of(str(row['statistic'])).lower()} "
        text += journal_number(row["estimate"], statistic=str(row["statistic"]))
        if not math.isnan(row["conf_low"]):
            ends = journal_interval(
                row["conf_low"],
                row["conf_high"],
                row["conf_level"],
                statistic=str(row["statistic"]),
            )
            text += f" ({ends})"
        lines = [f"{_against(row)}: {text}"]
        if not math.isnan(row["p_value"]):
            lines.append(_tested(row, []))
        return lines

    def _selection(
        self, sheet: Sheet, tables: Mapping, sample: Mapping, endpoint: str, title: str
    ) -> str:
        from reanalysis.figures import selection

        if sheet.y > 10:
            sheet.y += 8
        at_least = int(self.analysis["options"].get("selected_at_least", 0))
        elements = set(tables["selection"]["element"])
        assumed = any("assumed" in str(s) for s in tables["selection"]["series"])
        remarks = [
            f"Patients entered with {at_least} or more events in the period before."
        ]
        if assumed:
            remarks.append(
                "The mean count before is not printed: the means are assumed, no data."
            )
        own = [r for r in self.primary if r["endpoint"] in (endpoint, self._endpoint)]
        for row in own:
            # The law freed of selection, beside the totals drawn above.
            if (
                row["statistic"] == "rate_ratio"
                and row["term"] == "given the entry criterion"
            ):
                remarks += [f"Given the entry criterion: {t}" for t in self._freed(row)]
                self.shown.append(row)
        self.shown += [r for r in own if r["statistic"] == "selection_reduction"]
        selection.draw(
            sheet,
            selection.Selection(
                title=title,
                kind=self.analysis["kind"],
                table=tables["selection"],
                remarks=remarks,
                assumed=assumed,
            ),
        )
        parts = [
            "Curves: the fall of the mean count to be expected in the next period from "
            "the selection alone, by the shape of the gamma distribution of the "
            "patients' rates"
        ]
        if assumed:
            parts.append("each for a mean count before that is assumed, not printed")
        if "observed" in elements:
            parts.append("thick line: the fall seen")
        if "shape-free" in elements:
            parts.append("dotted line: the fall by selection without any shape (Hauer)")
        if "likelihood" in elements:
            parts.append(
                "below: likelihood of each shape; shapes above the dashed line are "
                "within the 95% interval"
            )
        return "; ".join(parts) + "."

    def _balance(
        self, sheet: Sheet, tables: Mapping, sample: Mapping, endpoint: str, title: str
    ) -> str:
        from reanalysis.figures import balance, matches

        table = tables["balance"]
        found: dict[str, dict[str, float]] = {}
        for term, when, value in zip(
            table["term"], table["when"], table["difference"], strict=True
        ):
            found.setdefault(str(term), {})[str(when)] = float(value)
        balance.draw(
            sheet,
            title=title,
            kind=self.analysis["kind"],
            rows=[
                (self._named(term), own["before matching"], own["after matching"])
                for term, own in found.items()
            ],
            remarks=[" against ".join(sample["groups"]), *self._effects(endpoint)],
        )
        said = (
            "Open circles: before matching; filled: after; dashed line: 0.1, beyond "
            "which groups are called unlike."
        )
        if "matches" not in tables:
            return said
        sheet.y += 4
        columns = tables["matches"]
        matches.draw(
            sheet,
            title="",
            kind=self.analysis["kind"],
            groups=(sample["groups"][0], sample["groups"][1]),
            patients=[
                dict(zip(columns, row, strict=True))
                for row in zip(*columns.values(), strict=True)
            ],
        )
        return (
            f"{said} Below, a mark is a patient at the propensity score; lines join "
            "matched patients, open marks are patients left out."
        )

    def _named(self, term: str) -> str:
        """Name a covariate, or a level of one, as the study does for readers."""
        name, _, level = term.partition("=")
        columns = self.study["datasets"].get(self.analysis["dataset"], {})
        declared = columns.get("columns", {}).get(name, {})
        label = str(declared.get("label", name.replace("_", " ")))
        coding = declared.get("coding")
        if level and isinstance(coding, Mapping):
            level = str(coding.get(level, level))
        return f"{label}: {level}" if level else label

    def _effects(self, endpoint: str) -> list[str]:
        """Return the effects of an endpoint with limits, the matched one first."""
        lines, seen = [], set()
        for row in self.primary:
            place = (row["statistic"], row["term"])
            if (
                row["statistic"] not in HEADLINE
                or row["endpoint"] not in (endpoint, self._endpoint)
                or place in seen
                or math.isnan(row["estimate"])
            ):
                continue
            seen.add(place)
            if lines and row["statistic"] != self.shown[0]["statistic"]:
                continue
            name = name_of(str(row["statistic"])).lower()
            head = f"{row['term']}: {name}"
            lines.append(f"{head[:1].upper()}{head[1:]} {estimate_text(row)}")
            self.shown.append(row)
            if len(lines) == 1:
                lines += self._ties(row)
        return lines

    def _ties(self, shown: Mapping) -> list[str]:
        """Say how far an effect moves over equally good matchings."""
        about = f"{str(shown['statistic']).replace('_', ' ')} over"
        ends = [
            estimate_text({**row, "statistic": shown["statistic"]})
            for statistic in ("minimum", "maximum")
            for row in self.primary
            if row["statistic"] == statistic
            and str(row["term"]).startswith(about)
            and row["endpoint"] == shown["endpoint"]
        ]
        if len(ends) < 2:
            return []
        return [f"Over equally good matchings it runs from {ends[0]} to {ends[1]}"]

    def _axis(self, sample: Mapping, endpoint: str) -> str:
        text = endpoint or self._endpoint
        unit = f" ({sample['unit']})" if sample["unit"] else ""
        return f"{capitalised(text)}{unit}"

    def _tests(self, endpoint: str, most: int = 4) -> list[str]:
        """Return the primary test of each comparison with the printed p beside it."""
        said: dict[tuple, str] = {}
        for row in self.primary:
            if row["endpoint"] not in (endpoint, self._endpoint) or (
                math.isnan(row["p_value"])
            ):
                continue
            place = (row["group"], row["reference"], row["timepoint"])
            if place in said:
                continue
            own = [
                p
                for p in self.printed
                if p.field == "p_value"
                and (p.place[2], p.place[3]) == (row["group"], row["reference"])
                and p.place[5] == _label_of(row["timepoint"])
            ]
            about = [_against(row)]
            if row["timepoint"] not in ("", None):
                about.append(f"visit {_label_of(row['timepoint'])}")
            head = ", ".join(part for part in about if part)
            self.shown.append(row)
            said[place] = (f"{head}: " if head else "") + _tested(row, own)
        lines = list(said.values())
        if len(lines) > most:
            lines = [*lines[: most - 1], f"{len(lines) - most + 1} more in the results"]
        return lines

    def _compared(self) -> list[PrintedNumber]:
        """Return the printed numbers of what is drawn, for the caption."""
        places = {(str(row["analysis"]), place_of(row)) for row in self.shown}
        return [
            p
            for numbers in self.others.values()
            for p in numbers
            if (p.analysis, p.place) in places
        ]

    def _forest(self, sheet: Sheet, *, sensitivity: bool) -> str | None:
        from reanalysis.figures import forest
        from reanalysis.forest_rows import choice
        from reanalysis.forest_rows import forest as made

        statistics = choice(
            self.analysis["method"], self.rows, self.printed, varied=sensitivity
        )
        if statistics is None:
            return None
        self.shown = [r for r in self.primary if r["statistic"] in statistics]
        plot = made(
            self.analysis["kind"],
            statistics,
            self.rows,
            self.printed,
            split=len(self.analysis["samples"]) > 1,
            wide=sheet.look.width_mm >= WIDE_MM,
        )
        forest.draw(sheet, plot)
        roles = {line.role for line in plot.lines}
        what = "p-values" if plot.scale == "p" else "estimates with intervals"
        if "primary" in roles:
            said = [f"Rows are scenarios: {what}; square: the primary analysis"]
            if "printed" in roles:
                said.append("open diamond and dotted line: printed")
            if "stated" in roles:
                said.append("triangle: the convention the paper states")
            if "range" in roles:
                said.append("pale bar: smallest to largest of several runs")
            return "; ".join(said) + "."
        return f"One row each, the primary analysis: {what}. " + " ".join(plot.legend)


#: What is said when a part of a model cannot be drawn.
_UNDRAWN = {
    "likelihood": (
        "No likelihood is drawn: it has no finite limit, or weights are probabilities "
        "and leave none."
    ),
    "residuals": (
        "No residuals are drawn: the estimate is infinite, weights are probabilities, "
        "or too few events tell whether the hazard ratio changes over time."
    ),
}


def _where(table: Mapping[str, Sequence], column: str) -> dict[str, list]:
    """Return the rows of one column of a model."""
    held = [str(name) == column for name in table["column"]]
    return {
        key: [v for v, kept in zip(values, held, strict=True) if kept]
        for key, values in table.items()
    }


def _ratio(log: float) -> str:
    """Write a hazard ratio given by its logarithm."""
    if math.isinf(log):
        return "infinity" if log > 0 else "0"
    return journal_number(math.exp(log), statistic="hazard_ratio")


def _mean_said(group: str, means: Rows) -> str:
    """Return a group with its patients, events and mean number at the last time."""
    own = [r for r in means if r["group"] == group]
    name = group or "All patients"
    if not own:
        return name
    # The last time asked for; at the end of follow-up few are left.
    row = own[-2] if len(own) > 1 else own[-1]
    unit = f" {row['time_unit']}" if row["time_unit"] else ""
    text = f"{name}: n = {row['n']:.0f}, {row['events']:.0f} events"
    if math.isnan(row["estimate"]):
        return text
    mean = journal_number(row["estimate"], statistic="rate_ratio")
    text += f"; mean {mean} by {_label_of(row['timepoint'])}{unit}"
    if not math.isnan(row["conf_low"]):
        ends = (row["conf_low"], row["conf_high"], row["conf_level"])
        text += f" ({journal_interval(*ends, statistic='rate_ratio')})"
    return text


def _incidence_said(group: str, incidences: Rows, rows: Rows) -> str:
    """Say how many had the event of interest, and the incidence last asked for."""
    own = [
        r for r in incidences if r["group"] == group and not math.isnan(r["estimate"])
    ]
    count = next(
        (r for r in rows if r["group"] == group and not math.isnan(r["n"])), None
    )
    text = group or "All patients"
    if count is not None:
        text += f": n = {count['n']:.0f}, {count['events']:.0f} events"
    if own:
        row = own[-1]
        unit = f" {row['time_unit']}" if row["time_unit"] else ""
        shown = estimate_text(row).replace("(", f"({100 * row['conf_level']:g}% CI, ")
        text += f"; {shown} by {float(row['timepoint']):g}{unit}"
    return text


def _tested(row: Mapping, printed: Sequence[PrintedNumber]) -> str:
    sides = str(row["alternative"])
    test = str(row["test"]) or "test"
    if sides and sides != "two-sided":
        test += f", {sides}"
    p = _p_said(row["p_value"])
    said = printed_said(printed)
    text = f"{test[:1].upper()}{test[1:]}: p {p}"
    return f"{text}; {said}" if said else text


def _p_said(p: float) -> str:
    text = journal_p(p)
    return text if text[:1] in "<>" + MISSING else f"= {text}"


def _against(row: Mapping) -> str:
    if row["reference"]:
        return f"{row['group']} against {row['reference']}"
    return str(row["group"])


def _label_of(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value or "")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _rows_in(table: Mapping[str, Sequence]) -> int:
    return len(next(iter(table.values()), ()))
