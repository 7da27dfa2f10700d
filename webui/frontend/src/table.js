// A chart's figures as a table, newest first.

import { make } from "./elements.js";
import { clock, dayAndClock } from "./units.js";
import { words } from "./words.js";

const ROWS = 30;
const DAY_SECONDS = 86400;

export const tabulate = ({ track, from, to, coarse }, lines, text) => {
  const cell = (name, i) => {
    const value = track.columns.get(name)?.[i];
    const low = coarse ? track.columns.get(`${name}|min`)?.[i] : null;
    const high = track.columns.get(`${name}|max`)?.[i];
    const range = typeof low === "number" && low !== high ? ` (${text(low)} – ${text(high)})` : "";
    return make("td", { textContent: text(value) + range });
  };
  const label = to - from > DAY_SECONDS ? dayAndClock : (date) => clock(date, true);
  const titles = [words("table.time"), ...lines.map((line) => line.label)];
  const head = titles.map((textContent) => make("th", { scope: "col", textContent }));
  const step = (to - from) / ROWS;
  const rows = [];
  let next = Infinity;
  for (let i = track.t.length - 1; i >= 0; i -= 1) {
    const t = track.t[i];
    if (t > next || t > to) continue;
    if (t < from) break;
    next = t - step + 0.5;
    const time = make("th", { scope: "row", textContent: label(new Date(t * 1000)) });
    rows.push(make("tr", {}, time, ...lines.map(({ name }) => cell(name, i))));
  }
  return make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
};
