// The list of problems: value against limit, since when, what stands behind it, what to do.
// As problem.py, which draws it first.

import { make, write } from "./elements.js";
import { clock, dateAndClock, format, formatNumber, formatRound } from "./units.js";
import { setShape } from "./verdict.js";
import { words } from "./words.js";

const MOST_EVIDENCE = 4;
const MOST_SHOWN = 5;
const MOST_READ = 100; // as verdict.py
const MOST_ALIKE = 3;
const HEADROOM = 1.25; // of a measure without a natural whole

const instant = (text) => {
  const date = new Date(text ?? NaN);
  return Number.isNaN(date.getTime()) ? null : date;
};

// "since 12:03, for 7 min", by the collector's own clock.
const since = (date, now) => {
  if (!date) return "";
  const passed = Math.max((now - date) / 1000, 0);
  const when = passed < 43200 ? clock(date) : dateAndClock(date);
  const minutes = formatNumber(passed, "seconds").replace(/ \d+ s$/, ""); // from a minute on
  const long = passed < 60 ? `${Math.floor(passed)} s` : minutes;
  return words("problem.since_for", { when, long });
};

const say = (element, text) => {
  element.hidden = !text;
  write(element, text);
};

// Many of one kind, that is rows of one rule, are one in the first's place.
const grouped = (problems) => {
  const kinds = new Map();
  for (const problem of problems) {
    const { metric, field, row, severity } = problem;
    const kind = typeof row === "string" ? [metric, field, severity].join("\n") : problem;
    kinds.set(kind, [...(kinds.get(kind) ?? []), problem]);
  }
  return [...kinds.values()].flatMap((each) => {
    if (each.length <= MOST_ALIKE) return each;
    const reason = words("reason.more", { reason: each[0].reason, count: each.length - 1 });
    const since = each.map((problem) => problem.since).filter(Boolean).sort()[0];
    return { ...each[0], reason, since, each };
  });
};

// A value against its limit, empty where either is none.
const measure = ({ value, value_at_onset: begun, threshold }, unit) => {
  if (!unit || typeof value !== "number" || typeof threshold !== "number") return "";
  const limit = formatRound(threshold, unit);
  const shown = formatNumber(value, unit);
  const onset = typeof begun === "number" ? formatNumber(begun, unit) : shown;
  const key = onset === shown ? "problem.limit" : "problem.limit_onset";
  return words(key, { value: shown, limit, onset });
};

// What a problem is about: its metric's sample, or the row there.
const about = ({ row }, rule, sample) =>
  rule.rows ? sample?.[rule.rows]?.find(({ key }) => key === row) : sample;

const showEach = (element, each, unit) => {
  element.hidden = !each.length;
  const [summary, ...old] = element.children;
  write(summary, each.map(({ row }) => row).join(", "));
  each.forEach((problem, index) => {
    const place = old[index] ?? element.appendChild(make("p"));
    const measured = measure(problem, unit);
    write(place, measured ? `${problem.reason} (${measured})` : problem.reason);
  });
  for (const gone of old.slice(each.length)) gone.remove();
};

const showMeasure = (element, problem, unit) => {
  const { value, threshold, each } = problem;
  const text = each ? "" : measure(problem, unit);
  element.hidden = !text;
  if (!text) return;
  write(element.querySelector("span"), text);
  const whole = unit === "percent" ? 100 : HEADROOM * Math.max(value, threshold);
  const bar = element.querySelector("svg");
  bar.toggleAttribute("hidden", whole <= 0 || value < 0 || threshold < 0);
  const share = (part) => `${Math.min((100 * part) / whole, 100)}%`;
  bar.querySelector(".fill").setAttribute("width", share(value));
  bar.querySelector(".tick").setAttribute("x", share(threshold));
};

const evidence = (problem, rule, sample) => {
  if (rule.meaning) return rule.meaning;
  const found = about(problem, rule, sample);
  const known = rule.evidence
    .map(({ name, label, form }) => [label, format(found?.[name], form)])
    .filter(([, text]) => text !== null)
    .slice(0, MOST_EVIDENCE)
    .map(([label, text]) => `${label} ${text}`)
    .join(", ");
  if (!rule.rows) return known;
  const subject = `${rule.subject} ${problem.row}`.trim();
  return known ? `${subject}: ${known}` : subject;
};

export class Problems {
  // `lookUp(metric)` gives its plan and newest sample; `onset(time)` shows the charts then.
  constructor(lookUp, onset) {
    this.section = document.getElementById("problems");
    this.lookUp = lookUp;
    this.section?.addEventListener("click", (event) => {
      const time = instant(event.target.closest("[data-onset]")?.dataset.onset);
      if (time) onset(time / 1000);
    });
    this.more = document.getElementById("more");
    this.more?.addEventListener("click", () => this.fold(this.more.ariaExpanded === "true"));
  }

  // A few say enough; the rest on demand.
  fold(folded) {
    const list = this.section.querySelector("ul");
    const rest = list.children.length - MOST_SHOWN;
    list.classList.toggle("all", !folded);
    this.more.hidden = rest <= 0;
    this.more.ariaExpanded = String(!folded);
    write(this.more, words(folded ? "problem.more" : "problem.fewer", { count: rest }));
  }

  show(problems, now) {
    if (!this.section) return;
    const list = this.section.querySelector("ul");
    const shown = grouped(problems);
    const template = this.section.querySelector("template").content.firstElementChild;
    this.section.hidden = problems.length === 0;
    while (list.children.length > shown.length) list.lastElementChild.remove();
    shown.forEach((problem, index) => {
      const item = list.children[index] ?? list.appendChild(template.cloneNode(true));
      this.fill(item, problem, now);
    });
    this.fold(!list.classList.contains("all"));
  }

  // The rule that a problem breaks, and its metric's newest sample.
  broken(problem) {
    const { plan, sample } = this.lookUp(problem.metric) ?? {};
    const rule = plan?.rules.find(
      ({ field, rows }) => field === problem.field && Boolean(rows) === (problem.row !== null),
    );
    return { rule, sample };
  }

  // The same problems with their figures, and their reasons, as the newest samples are.
  asOfNow(problems) {
    return problems.slice(0, MOST_READ).map((problem) => {
      const { rule, sample } = this.broken(problem);
      const value = rule?.unit ? about(problem, rule, sample)?.[rule.field] : null;
      if (typeof value !== "number" || !problem.subject) return problem;
      return { ...problem, value, reason: `${problem.subject} ${formatNumber(value, rule.unit)}` };
    });
  }

  fill(item, problem, now) {
    const severity = problem.severity === "critical" ? "critical" : "warning";
    const { rule, sample } = this.broken(problem);
    const begun = instant(problem.since);
    item.dataset.severity = severity;
    setShape(item, severity);
    write(item.querySelector("strong"), `${words(`verdict.${severity}`)}:`);
    write(item.querySelector("[data-reason]"), problem.reason);
    showMeasure(item.querySelector(".measure"), problem, rule?.unit);
    write(item.querySelector(".since"), since(begun, now));
    const { each } = problem;
    say(item.querySelector(".evidence"), rule && !each ? evidence(problem, rule, sample) : "");
    const details = item.querySelector(".each");
    const kind = each ? `${problem.metric} ${problem.field}` : "";
    if (details.dataset.kind !== undefined && details.dataset.kind !== kind) details.open = false;
    details.dataset.kind = kind;
    showEach(details, each ?? [], rule?.unit);
    say(item.querySelector(".advice"), rule?.advice ?? "");
    const link = item.querySelector("a");
    link.href = `#metric-${problem.metric}`;
    write(link.querySelector(".hidden"), ` ${problem.reason}`);
    const button = item.querySelector("button");
    button.hidden = !begun;
    button.dataset.onset = problem.since ?? "";
  }
}
