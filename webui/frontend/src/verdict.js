// The verdict, in the heading, the title, the favicon and, when it changes, to screen readers.

import { write } from "./elements.js";
import { words } from "./words.js";

const STATUSES = ["healthy", "warning", "critical", "unknown"];

// The first problem and how many more there are, as verdict.py.
const inShort = ({ summary, problems }) => {
  const more = (problems?.length ?? 0) - 1;
  if (more < 0) return summary ?? "";
  const { reason } = problems[0];
  if (!more) return reason;
  return words(more === 1 ? "reason.one_more" : "reason.more", { reason, count: more });
};

// As verdict.py's judge; `link` is connecting, refused, faulty, live or stale.
export const judge = (link, silent, health) => {
  const word = STATUSES.includes(health?.status) ? words(`verdict.${health.status}`) : "";
  const unknown = (key) => ({ status: "unknown", text: `${words("verdict.unknown")}: ${words(key)}` });
  if (link === "connecting") return unknown("reason.never_seen");
  if (link === "refused") return unknown("reason.refused");
  if (link === "faulty") return unknown("reason.faulty");
  if (link === "stale") {
    const key = word ? "reason.stale_known" : "reason.stale";
    const reason = words(key, { seconds: Math.floor(silent), word });
    return { status: "stale", text: `${words("verdict.stale")}: ${reason}` };
  }
  if (!word) return unknown("reason.waiting");
  const reason = inShort(health);
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

export const setShape = (within, status) =>
  within.querySelector("use").setAttribute("href", `#shape-${status}`);

export const showVerdict = ({ status, text }, name) => {
  const heading = document.getElementById("verdict");
  const title = `${text} – ${name}`;
  if (document.title === title && heading.dataset.status === status) return;
  const [, word, reason] = text.match(/^([^:]*:?) ?(.*)$/s);
  write(heading.querySelector(".word"), word);
  write(heading.querySelector(".reason"), reason);
  document.title = title;
  if (heading.dataset.status === status) return;
  heading.dataset.status = status;
  heading.parentElement.dataset.status = status;
  setShape(heading, status);
  favicon(status);
  write(document.getElementById("announce"), text);
};

export const coverage = (checks) => {
  if (!checks) return words("coverage.none");
  const { known, total, not_applicable: count } = checks;
  const key = !count ? "coverage" : count === 1 ? "coverage.absent_one" : "coverage.absent";
  return words(key, { known, total, count });
};
