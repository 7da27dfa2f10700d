// One chart: a figure with its lines, a legend with the values, and the same as a table.

import uPlot from "uplot";
import { clock, formatNumber, formatRound } from "./units.js";

const HEIGHT = 150;
const COLOURS = 8;
const TABLE_STEP_SECONDS = 10;
// Units whose interesting part is not measured from nothing.
const FLOATING = new Set(["celsius", "volts"]);
const BINARY_STEPS = Array.from({ length: 51 }, (_, power) => 2 ** power);

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Sums from the bottom up; unknown only where every part is.
const stack = (columns) => {
  let below = null;
  return columns.map((column) => {
    below = column.map((value, i) => {
      const under = below?.[i] ?? null;
      return value === null && under === null ? null : (value ?? 0) + (under ?? 0);
    });
    return below;
  });
};

// Only a value without neighbours needs a point: no line shows it.
const alone = (plot, series) => {
  const column = plot.data[series];
  const known = (index) => typeof column[index] === "number";
  return column.flatMap((_, i) => (known(i) && !known(i - 1) && !known(i + 1) ? [i] : []));
};

let count = 0;

export class Chart {
  constructor(place, declared, track, { span, sync }) {
    Object.assign(this, { declared, track, span, sync });
    Object.assign(this, { plot: null, drawn: [], shown: "", at: null });
    this.id = `chart-${(count += 1)}`;
    this.canvas = make("div", { className: "plot" });
    this.canvas.setAttribute("role", "img");
    this.legend = make("ul", { className: "legend" });
    this.table = make("div", { id: this.id, className: "scroll", hidden: true, tabIndex: 0 });
    this.table.setAttribute("role", "region");
    this.table.setAttribute("aria-label", `${declared.title} as a table`);
    this.toggle = make("button", { type: "button", textContent: "View as table" });
    this.toggle.setAttribute("aria-controls", this.id);
    this.toggle.setAttribute("aria-expanded", "false");
    this.toggle.addEventListener("click", () => this.turn());
    const title = make("h3", { textContent: declared.title });
    const head = make("figcaption", {}, title, this.toggle);
    this.figure = make("figure", { className: "chart" }, head, this.canvas, this.legend, this.table);
    this.figure.hidden = true; // until there is something to show
    place.append(this.figure);
    new ResizeObserver(() => this.resize()).observe(this.canvas);
  }

  // The lines to draw: each declared series, of each row where it has rows. A line's colour is
  // its series', or its row's; then the series differ in their dashes.
  lines() {
    const { rows, series } = this.declared;
    if (!rows) return series.map((s, i) => ({ name: s.name, label: s.label, colour: i, dash: 0 }));
    const keys = new Set();
    for (const name of this.track.columns.keys()) {
      const found = series.find((s) => name.startsWith(`${rows}[`) && name.endsWith(`].${s.name}`));
      if (found) keys.add(name.slice(rows.length + 1, -found.name.length - 2));
    }
    return [...keys].flatMap((key, row) =>
      series.map((s, dash) => ({
        name: `${rows}[${key}].${s.name}`,
        label: series.length > 1 ? `${key} ${s.label}` : key,
        colour: row,
        dash,
      })),
    );
  }

  known() {
    return [...this.track.columns.values()].some((c) => c.some((value) => value !== null));
  }

  draw(now, label) {
    this.now = now;
    // A chart without a single figure says nothing that its card does not say better.
    this.figure.hidden = !this.known();
    if (this.figure.hidden) return;
    const lines = this.lines();
    const shown = lines.map((line) => line.name).join("\n");
    if (shown !== this.shown || !this.plot) this.rebuild(lines, shown);
    const columns = this.columns();
    this.plot.setData([this.track.t, ...(this.declared.stacked ? stack(columns) : columns)]);
    this.values();
    if (label) this.describe(columns);
    if (!this.table.hidden) this.tabulate();
  }

  columns() {
    const empty = new Array(this.track.t.length).fill(null);
    return this.drawn.map(({ name }) => this.track.columns.get(name) ?? empty);
  }

  // After a change of the colour scheme.
  forget() {
    this.plot?.destroy();
    this.plot = null;
    if (this.now) this.draw(this.now, false);
  }

  rebuild(lines, shown) {
    this.plot?.destroy();
    Object.assign(this, { drawn: lines, shown });
    const { unit, stacked, range } = this.declared;
    const colours = lines.map(({ colour }) => css(`--line-${(colour % COLOURS) + 1}`));
    const axis = {
      stroke: css("--muted"),
      font: "11px system-ui, sans-serif",
      grid: { stroke: css("--rule"), width: 1 },
      ticks: { show: false },
    };
    const binary = unit.startsWith("bytes");
    this.plot = new uPlot(
      {
        width: this.canvas.clientWidth || 300,
        height: HEIGHT,
        legend: { show: false },
        cursor: { sync: { key: this.sync }, drag: { x: false, y: false }, points: { size: 5 } },
        hooks: { setCursor: [(plot) => this.point(plot.cursor.idx)], draw: [(p) => this.limits(p)] },
        scales: {
          x: { time: true, range: () => [this.now - this.span, this.now] },
          y: { range: range ?? ((_, low, high) => this.bounds(low, high)) },
        },
        axes: [
          { ...axis, values: (_, ts) => ts.map((t) => clock(new Date(t * 1000))), incrs: [60, 120], size: 24 },
          {
            ...axis,
            size: 64,
            ...(binary ? { incrs: BINARY_STEPS } : {}),
            values: (_, vs) => vs.map((v) => formatRound(v, unit)),
          },
        ],
        series: [
          {},
          ...lines.map(({ label, dash }, i) => ({
            label,
            stroke: colours[i],
            width: stacked ? 1 : 1.5,
            points: { show: true, size: 4, width: 1, filter: alone },
            ...(stacked && i === 0 ? { fill: `${colours[i]}99` } : {}),
            ...(dash ? { dash: [4, 3] } : {}),
          })),
        ],
        bands: stacked
          ? lines.slice(1).map((_, i) => ({ series: [i + 2, i + 1], fill: `${colours[i + 1]}99` }))
          : [],
      },
      [[], ...lines.map(() => [])],
      this.canvas,
    );
    this.legend.replaceChildren(
      ...lines.map(({ label, dash }, i) => {
        const swatch = make("i", { className: dash ? "dashed" : "" });
        swatch.style.setProperty("border-color", colours[i]);
        return make("li", {}, swatch, ` ${label} `, make("b"));
      }),
    );
  }

  bounds(low, high) {
    if (low === null || high === null) return [0, 1];
    if (FLOATING.has(this.declared.unit)) return uPlot.rangeNum(low, high, 0.2, true);
    return [Math.min(low, 0), high > 0 ? high * 1.1 : 1];
  }

  // Thresholds, as dashed lines across.
  limits(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = css("--muted");
    ctx.setLineDash([2, 4]);
    for (const limit of this.declared.stacked ? [] : this.declared.limits) {
      if (limit < plot.scales.y.min || limit > plot.scales.y.max) continue;
      const y = Math.round(plot.valToPos(limit, "y", true));
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    ctx.restore();
  }

  resize() {
    const width = this.canvas.clientWidth;
    if (this.plot && width && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
  }

  point(index) {
    this.at = index ?? null;
    this.values();
  }

  words(value) {
    return typeof value === "number" ? formatNumber(value, this.declared.unit) : "no data";
  }

  // The legend's values: at the cursor, or else the newest.
  values() {
    const index = this.at ?? this.track.t.length - 1;
    const columns = this.columns();
    [...this.legend.children].forEach((item, i) => {
      const text = this.words(columns[i]?.[index]);
      const place = item.lastElementChild;
      if (place.textContent !== text) place.textContent = text;
    });
  }

  describe(columns) {
    const parts = this.drawn.map(({ label }, i) => {
      const known = columns[i].filter((value) => value !== null);
      if (!known.length) return `${label}: no data`;
      return (
        `${label}: now ${this.words(columns[i].at(-1))}, lowest ${this.words(Math.min(...known))}, ` +
        `highest ${this.words(Math.max(...known))}`
      );
    });
    const label = `${this.declared.title}, last ${this.span / 60} minutes. ${parts.join("; ")}`;
    this.canvas.setAttribute("aria-label", label);
  }

  turn() {
    this.table.hidden = !this.table.hidden;
    this.toggle.setAttribute("aria-expanded", String(!this.table.hidden));
    if (!this.table.hidden) this.tabulate();
  }

  // Newest first, one row for every ten seconds.
  tabulate() {
    const columns = this.columns();
    const head = make("tr", {}, ...["Time", ...this.drawn.map((l) => l.label)].map((text) =>
      make("th", { scope: "col", textContent: text }),
    ));
    const rows = [];
    let next = Infinity;
    for (let i = this.track.t.length - 1; i >= 0; i -= 1) {
      const t = this.track.t[i];
      if (t > next) continue;
      next = t - TABLE_STEP_SECONDS + 0.5;
      const cells = columns.map((column) => make("td", { textContent: this.words(column[i]) }));
      const time = clock(new Date(t * 1000), true);
      rows.push(make("tr", {}, make("th", { scope: "row", textContent: time }), ...cells));
    }
    const kept = this.table.scrollTop;
    this.table.replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
    this.table.scrollTop = kept;
  }
}
