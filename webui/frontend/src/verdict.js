// The verdict, in the heading, the title, the favicon and, when it changes, to screen readers.

import { write } from "./cards.js";
import { clock, dateAndClock, formatNumber, formatRound } from "./units.js";

const WORDS = { healthy: "Healthy", warning: "Warning", critical: "Critical", unknown: "Unknown" };

// As verdict.py's judge; `link` is connecting, refused, live or stale.
export const judge = (link, silent, health) => {
  const word = WORDS[health?.status];
  if (link === "connecting") return { status: "unknown", text: "Unknown: never seen" };
  if (link === "refused") return { status: "unknown", text: "Unknown: refused by its collector" };
  if (link === "stale") {
    const last = word ? `; last known: ${word}` : "";
    return { status: "stale", text: `Stale: no data for ${Math.floor(silent)} s${last}` };
  }
  if (!word) return { status: "unknown", text: "Unknown: waiting for the first verdict" };
  const reason = health.summary ?? "";
  const same = reason.toLowerCase() === word.toLowerCase();
  return { status: health.status, text: reason && !same ? `${word}: ${reason}` : word };
};

const favicon = (status) => {
  const symbol = document.getElementById(`shape-${status}`);
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 18 18" fill="${symbol.dataset.icon}">` +
    `${symbol.innerHTML}</svg>`;
  document.getElementById("favicon").href = `data:image/svg+xml,${encodeURIComponent(svg)}`;
};

const setShape = (within, status) =>
  within.querySelector("use").setAttribute("href", `#shape-${status}`);

export const showVerdict = ({ status, text }, name) => {
  const heading = document.getElementById("verdict");
  const [, word, reason] = text.match(/^([^:]*:?) ?(.*)$/s);
  write(heading.querySelector(".word"), word);
  write(heading.querySelector(".reason"), reason);
  document.title = `${text} – ${name}`;
  if (heading.dataset.status === status) return;
  heading.dataset.status = status;
  heading.parentElement.dataset.status = status;
  setShape(heading, status);
  favicon(status);
  write(document.getElementById("announce"), text);
};

export const coverage = (checks) => {
  if (!checks) return "Nothing has been checked yet";
  const { known, total, not_applicable: absent } = checks;
  const rest = absent ? `; ${absent} ${absent === 1 ? "does" : "do"} not apply here` : "";
  return `${known} of ${total} checks${rest}`;
};

// "since 12:03 (7 min)", by the collector's own clock.
const since = (text, now) => {
  const date = new Date(text);
  if (!text || Number.isNaN(date.getTime())) return "";
  const passed = Math.max((now - date) / 1000, 0);
  const when = passed < 43200 ? clock(date) : dateAndClock(date);
  const long = passed < 60 ? `${Math.floor(passed)} s` : formatNumber(passed, "seconds");
  return `since ${when} (${long})`;
};

const fillProblem = (item, problem, units, now) => {
  const severity = problem.severity === "critical" ? "critical" : "warning";
  item.dataset.severity = severity;
  setShape(item, severity);
  item.querySelector("a").href = `#metric-${problem.metric}`;
  write(item.querySelector("strong"), `${WORDS[severity]}:`);
  const unit = units(problem.metric, problem.field);
  const limit =
    typeof problem.threshold === "number" && unit
      ? ` (limit ${formatRound(problem.threshold, unit)})`
      : "";
  write(item.querySelector("[data-reason]"), `${problem.reason}${limit}`);
  write(item.querySelector(".since"), since(problem.since, now));
};

// `units` gives the unit of a metric's field; `now` is the collector's time.
export const showProblems = (health, units, now) => {
  write(document.getElementById("coverage"), coverage(health?.checks));
  const section = document.getElementById("problems");
  if (!section) return;
  const problems = health?.problems ?? [];
  const list = section.querySelector("ul");
  const template = section.querySelector("template").content.firstElementChild;
  section.hidden = problems.length === 0;
  while (list.children.length > problems.length) list.lastElementChild.remove();
  problems.forEach((problem, index) => {
    const item = list.children[index] ?? list.appendChild(template.cloneNode(true));
    fillProblem(item, problem, units, now);
  });
};
