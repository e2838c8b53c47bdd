/* One page of the report at a time, filters, sorting and the dark mode. Without this
   script all is there, one thing below the other. */
"use strict";
const root = document.documentElement;
const remembered = {
  get() { try { return localStorage.getItem("theme"); } catch { return null; } },
  set(value) { try { localStorage.setItem("theme", value); } catch { /* not here */ } },
};
if (["dark", "light"].includes(remembered.get())) root.dataset.theme = remembered.get();

document.addEventListener("DOMContentLoaded", () => {
  const $ = (id) => document.getElementById(id);
  const main = $("main");
  const pages = [...main.querySelectorAll(":scope > .page")];
  const told = $("told");
  const heading = document.title;

  /* Dark and light */
  const theme = $("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const pressed = () => theme.setAttribute("aria-pressed", isDark());
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remembered.set(root.dataset.theme);
    pressed();
  });
  system.addEventListener("change", pressed);
  pressed();
  theme.hidden = false;

  /* The table of all numbers */
  const form = $("filter");
  const columns = [...document.querySelectorAll(".numbers [data-sort]")];
  const body = document.querySelector(".numbers tbody");
  const order = [...body.rows];
  const texts = new Map();
  let sort = "";

  function words(row) {
    if (!texts.has(row)) {
      const claim = $(row.cells[1].firstElementChild.hash.slice(1));
      texts.set(row, `${row.textContent} ${claim.textContent}`.toLowerCase());
    }
    return texts.get(row);
  }
  function query() {
    const data = new FormData(form);
    const found = new URLSearchParams();
    for (const name of ["find", "study", "kind"]) {
      if (data.get(name).trim()) found.set(name, data.get(name).trim());
    }
    const verdicts = data.getAll("verdict");
    if (verdicts.length) found.set("verdict", verdicts.join(","));
    if (sort) found.set("sort", sort);
    return found;
  }
  function value(row, i) {
    const cell = row.cells[i];
    if ("value" in cell.dataset) return cell.dataset.value.replaceAll(",", "");
    if (columns[i].dataset.sort === "verdict") return String(rank.get(row.dataset.verdict));
    return cell.textContent.trim().replace(/^–$/, "");
  }
  function compare(a, b) {
    if (a === "" || b === "") return 0;
    const [x, y] = [Number(a), Number(b)];
    if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
    return Number.isNaN(x) ? a.localeCompare(b, "en", { numeric: true }) : x - y;
  }
  const rank = new Map([...form.elements].filter((e) => e.name === "verdict").map((e, i) => [e.value, i]));
  function apply() {
    const chosen = query();
    const find = (chosen.get("find") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const verdicts = chosen.get("verdict")?.split(",");
    let count = 0;
    for (const row of order) {
      const shown =
        (!chosen.has("study") || row.dataset.study === chosen.get("study")) &&
        (!chosen.has("kind") || row.dataset.kind === chosen.get("kind")) &&
        (!verdicts || verdicts.includes(row.dataset.verdict)) &&
        find.every((word) => words(row).includes(word));
      row.hidden = !shown;
      count += shown;
    }
    const [by, down] = sort.split(":");
    const i = columns.findIndex((column) => column.dataset.sort === by);
    const rows = [...order];
    if (i >= 0) {
      const empty = (row) => value(row, i) === "";
      rows.sort((a, b) =>
        empty(a) - empty(b) || (down ? -1 : 1) * compare(value(a, i), value(b, i)));
    }
    if (rows.some((row, at) => body.rows[at] !== row)) body.append(...rows);
    columns.forEach((column, at) => {
      if (at === i) column.setAttribute("aria-sort", down ? "descending" : "ascending");
      else column.removeAttribute("aria-sort");
    });
    $("found").textContent = `${count} of ${order.length} printed numbers`;
  }
  function choose(chosen) {
    for (const name of ["find", "study", "kind"]) form.elements[name].value = chosen.get(name) ?? "";
    const verdicts = (chosen.get("verdict") ?? "").split(",");
    for (const box of form.elements) if (box.name === "verdict") box.checked = verdicts.includes(box.value);
    sort = chosen.get("sort") ?? "";
    apply();
  }
  /* The address always says what is shown, so that it can be sent to others. */
  function changed() {
    apply();
    const chosen = query().toString();
    history.replaceState(null, "", `#numbers${chosen ? `?${chosen}` : ""}`);
  }
  for (const column of columns) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...column.childNodes);
    button.addEventListener("click", () => {
      const by = column.dataset.sort;
      sort = { "": by, [by]: `${by}:down`, [`${by}:down`]: "" }[sort] ?? by;
      changed();
    });
    column.append(button);
  }
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { sort = ""; changed(); }));
  for (const link of document.querySelectorAll("a[data-query]")) link.hash = `#numbers?${link.dataset.query}`;
  form.hidden = false;

  /* One page at a time; what is hidden is still found by searching in the page. */
  function show(page) {
    for (const other of pages) {
      if (!page || other === page) other.removeAttribute("hidden");
      else other.setAttribute("hidden", "until-found");
    }
    for (const link of document.querySelectorAll(".top a")) {
      const there = $(link.hash.slice(1).split("?")[0]);
      const current = page ? there?.closest(".page") === page && there.matches("section") : there === document.body;
      if (current) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    const title = page && $(page.firstElementChild.getAttribute("aria-labelledby")).firstChild.textContent.trim();
    document.title = title && title !== heading ? `${title} – ${heading}` : heading;
  }
  function named() {
    const id = location.hash.slice(1).split("?")[0];
    try { return $(decodeURIComponent(id)); } catch { return null; }
  }
  function go() {
    const target = named();
    document.querySelector(".here")?.classList.remove("here");
    if (target?.id === "numbers") {
      const [, chosen] = location.hash.split("?");
      choose(new URLSearchParams(chosen ?? ""));
      show(target.closest(".page"));
      target.tabIndex = -1;
      target.focus({ preventScroll: true });
      if (chosen) scrollTo(0, 0);
      return;
    }
    show(target === document.body ? null : (target ?? $("overview")).closest(".page") ?? pages[0]);
    if (!target || target === document.body || target === main) return;
    for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
    if (target.matches("tr, li, figure")) target.classList.add("here");
    if (!target.hasAttribute("tabindex")) target.tabIndex = -1;
    target.scrollIntoView();
    target.focus({ preventScroll: true });
  }
  addEventListener("hashchange", go);
  main.addEventListener("beforematch", (event) => {
    const page = event.target.closest(".page");
    /* A search came here; after a link the address is right already. */
    if (named()?.closest(".page") !== page) history.replaceState(null, "", `#${page.firstElementChild.id}`);
    show(page);
  });
  root.classList.add("js");
  if (location.hash) go();
  else show(pages[0]);

  /* The skip link stays in the page on show. */
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });

  /* A link to a number is copied as well as followed. */
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a.share");
    if (!link) return;
    navigator.clipboard?.writeText(link.href).then(() => {
      told.textContent = `The ${link.getAttribute("aria-label")} is copied.`;
      setTimeout(() => { told.textContent = ""; }, 4000);
    }, () => {});
  });

  /* Tables that are wider than the page can be scrolled by keyboard. */
  const wide = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth + 1) {
        target.tabIndex = 0;
        target.setAttribute("role", "region");
        target.setAttribute("aria-label", target.querySelector("caption").textContent);
      } else for (const name of ["tabindex", "role", "aria-label"]) target.removeAttribute(name);
    }
  });
  for (const scroll of document.querySelectorAll(".scroll")) wide.observe(scroll);

  /* On paper nothing is folded but further checks, and every figure is there. */
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll(".page:not([hidden]) details:not([open], .claims .more)")];
    for (const details of folded) details.open = true;
    for (const image of document.querySelectorAll(".page:not([hidden]) img")) image.loading = "eager";
  });
  addEventListener("afterprint", () => { for (const details of folded) details.open = false; });
});
