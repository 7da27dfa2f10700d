// One chart: a figure with its lines, a legend with the values, and the same as a table.

import uPlot from "uplot";
import { css, make, write } from "./elements.js";
import { isHeat, stripes } from "./heat.js";
import { limits } from "./limits.js";
import { Legend } from "./legend.js";
import { scales } from "./scales.js";
import { tabulate } from "./table.js";
import { formatNumber } from "./units.js";
import { words } from "./words.js";

const HEIGHT = 148;
const COLOURS = 8;
const MOST_BANDS = 4;
const LEAST_MOVE = 2; // pixels: a live chart that has moved by less is not drawn anew

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
  // `figure`: its place, with the title, as the server draws it.
  // `said`: the series in the same unit that the metric's charts without rows draw.
  // `on`: zoom(from, to), live(), point(time or null).
  constructor(figure, declared, said, on) {
    Object.assign(this, { figure, declared, said, on, plot: null, drawn: [], shown: "", at: null });
    Object.assign(this, { view: null, drawnTo: 0 });
    const { title } = declared;
    this.id = `chart-${(count += 1)}`;
    this.canvas = figure.querySelector(".plot");
    this.legend = new Legend(figure.querySelector(".legend"));
    this.table = make("div", { id: this.id, className: "scroll", hidden: true, tabIndex: 0 });
    this.table.setAttribute("role", "region");
    this.table.setAttribute("aria-label", words("table.label", { title }));
    this.toggle = make("button", { type: "button" }, words("table"));
    this.toggle.append(make("span", { className: "hidden", textContent: ` ${title}` }));
    this.toggle.setAttribute("aria-controls", this.id);
    this.toggle.setAttribute("aria-expanded", "false");
    this.toggle.addEventListener("click", () => this.turn());
    figure.querySelector("figcaption").append(this.toggle);
    figure.append(this.table);
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    this.inSight = false; // what is not is drawn now and then, and when it comes
    new IntersectionObserver(([{ isIntersecting }]) => this.sight(isIntersecting), {
      rootMargin: "20px",
    }).observe(figure);
  }

  // The lines to draw: each declared series, of each row where it has rows. As long as there are
  // colours each has its own; the series of a row differ in their dashes as well.
  lines() {
    const { rows, series } = this.declared;
    if (!rows) {
      return series
        .map((s, i) => ({ name: s.name, label: s.label, colour: i, dash: 0 }))
        .filter(({ name }) => this.view.names.has(name));
    }
    const keys = new Set();
    for (const name of this.view.names) {
      const found = series.find((s) => name.startsWith(`${rows}[`) && name.endsWith(`].${s.name}`));
      if (found) keys.add(name.slice(rows.length + 1, -found.name.length - 2));
    }
    const { subject } = this.declared;
    const named = (key) => (/^\d+$/.test(key) ? `${subject} ${key}` : key); // a bare number says little
    const own = keys.size * series.length <= COLOURS;
    return [...keys].flatMap((key, row) =>
      series.map((s, dash) => ({
        key,
        name: `${rows}[${key}].${s.name}`,
        label: series.length > 1 ? `${named(key)} ${s.label}` : named(key),
        colour: own ? row * series.length + dash : row,
        dash,
      })),
    );
  }

  sight(inSight) {
    this.inSight = inSight;
    if (inSight && this.view) this.draw(this.view, false);
  }

  // `view`: the track, from and to, whether its points are ranges (coarse), the window in words,
  // and the names of all series of which something is known. `calmly`: nothing but time has gone on.
  draw(view, label, calmly = false) {
    this.view = view;
    const lines = this.lines();
    // A chart without a single figure says nothing that its tile does not say better.
    // One row by itself repeats what the chart of the whole says.
    const repeats = lines.length === 1 && this.said.some((name) => view.names.has(name));
    this.figure.hidden = lines.length === 0 || repeats;
    if (this.figure.hidden) return;
    if (label || !this.canvas.hasAttribute("role")) this.describe();
    if (!this.inSight && this.plot && !label) return;
    const shown = JSON.stringify([view.coarse, lines.map((line) => line.name)]);
    const same = shown === this.shown && this.plot !== null;
    if (!same) this.rebuild(lines, shown);
    if (!(same && calmly && this.hasHardlyMoved())) {
      this.plot.setData([view.track.t, ...this.data(this.columns())]);
      this.drawnTo = view.to;
    }
    this.values();
    if (!this.table.hidden) this.tabulate();
  }

  hasHardlyMoved() {
    const { from, to } = this.view;
    const pixels = ((to - this.drawnTo) / (to - from)) * this.plot.width;
    return pixels >= 0 && pixels < LEAST_MOVE;
  }

  column(name) {
    return this.view.track.columns.get(name) ?? new Array(this.view.track.t.length).fill(null);
  }

  columns() {
    return this.drawn.map(({ name }) => this.column(name));
  }

  data(columns) {
    if (this.declared.stacked) return stack(columns);
    if (!this.banded) return columns;
    const extremes = this.drawn.flatMap(({ name }) => [
      this.column(`${name}|max`),
      this.column(`${name}|min`),
    ]);
    return [...columns, ...extremes];
  }

  // After a change of colours or units.
  forget() {
    this.plot?.destroy();
    this.plot = null;
    if (this.view) this.draw(this.view, true);
  }

  rebuild(lines, shown) {
    this.plot?.destroy();
    Object.assign(this, { drawn: lines, shown });
    const { stacked, range } = this.declared;
    this.heat = isHeat(lines, range);
    this.banded = this.view.coarse && !stacked && !this.heat && lines.length <= MOST_BANDS;
    const colours = lines.map(({ colour }) => css(`--line-${(colour % COLOURS) + 1}`));
    this.plot = new uPlot(
      {
        width: this.canvas.clientWidth || 300,
        height: HEIGHT,
        legend: { show: false },
        cursor: this.cursor(),
        hooks: {
          setCursor: [(plot) => this.point(plot.cursor.idx)],
          setSelect: [(plot) => this.select(plot)],
          draw: [
            ...(this.heat ? [stripes(lines, range, () => this.columns())] : []),
            limits(this.declared, lines, this.heat),
          ],
        },
        ...scales(this.declared, () => this.view, this.heat ? lines : null),
        ...this.series(lines, colours),
      },
      [[], ...lines.map(() => []), ...(this.banded ? lines.flatMap(() => [[], []]) : [])],
      this.canvas,
    );
    this.legend.set(lines, colours, this.heat);
  }

  cursor() {
    const moves = (type) => type.startsWith("mousemove") || type === "mouseleave";
    return {
      sync: { key: "health", filters: { pub: moves } },
      y: false,
      drag: { x: true, y: false, setScale: false },
      points: { size: 5, show: !this.heat },
      bind: { dblclick: () => () => this.on.live() },
    };
  }

  series(lines, colours) {
    const { stacked } = this.declared;
    const series = lines.map(({ label, dash }, i) => ({
      label,
      stroke: colours[i],
      width: stacked ? 0 : 1.5,
      points: { show: true, size: 4, width: 1, filter: alone },
      ...(stacked && i === 0 ? { fill: `${colours[i]}cc` } : {}),
      ...(dash ? { dash: [4, 3] } : {}),
      ...(this.heat ? { paths: () => null, points: { show: false } } : {}),
    }));
    const bands = stacked
      ? lines.slice(1).map((_, i) => ({ series: [i + 2, i + 1], fill: `${colours[i + 1]}cc` }))
      : [];
    for (let i = 0; this.banded && i < lines.length; i += 1) {
      series.push({ points: { show: false } }, { points: { show: false } });
      const at = 1 + lines.length + 2 * i;
      bands.push({ series: [at, at + 1], fill: `${colours[i]}33` });
    }
    return { series: [{}, ...series], bands };
  }

  select(plot) {
    const { left, width } = plot.select;
    if (width < 3) return;
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.on.zoom(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
  }

  resize() {
    const width = this.canvas.clientWidth;
    if (this.plot && width && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
  }

  point(index) {
    this.at = index ?? null;
    this.values();
    this.on.point(this.at === null ? null : this.view.track.t[this.at]);
  }

  words(value) {
    return typeof value === "number" ? formatNumber(value, this.declared.unit) : words("no_data");
  }

  // The legend's values: at the cursor, or else the newest.
  values() {
    const index = this.at ?? this.view.track.t.length - 1;
    this.legend.values(this.columns().map((column) => column[index]), (value) => this.words(value));
  }

  describe() {
    const lines = this.lines().map(({ name, label }) => {
      const column = this.column(name);
      const known = column.filter((value) => value !== null);
      if (!known.length) return words("chart.line_none", { label });
      return words("chart.line", {
        label,
        now: this.words(column.at(-1)),
        low: this.words(Math.min(...known)),
        high: this.words(Math.max(...known)),
      });
    });
    const { title } = this.declared;
    const label = words("chart.label", { title, window: this.view.words, lines: lines.join("; ") });
    this.canvas.setAttribute("role", "img"); // only now: a picture has to have a name
    this.canvas.setAttribute("aria-label", label);
  }

  turn() {
    this.table.hidden = !this.table.hidden;
    this.toggle.setAttribute("aria-expanded", String(!this.table.hidden));
    if (!this.table.hidden) this.tabulate();
  }

  tabulate() {
    const scrolled = this.table.scrollTop;
    this.table.replaceChildren(tabulate(this.view, this.drawn, (value) => this.words(value)));
    this.table.scrollTop = scrolled;
  }
}
