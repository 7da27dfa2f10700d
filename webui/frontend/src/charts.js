// The charts that the catalogue declares, drawn by uPlot; loaded when the figures are live.

import uPlot from "uplot";
import { Chart } from "./chart.js";
import { Track } from "./track.js";

const REDRAW_LABELS_SECONDS = 15;

export class Charts {
  constructor(plan, span) {
    const section = document.getElementById("charts");
    const place = section.querySelector(".charts");
    const cursor = uPlot.sync("health");
    this.tracks = new Map();
    this.charts = [];
    this.labelled = 0;
    place.textContent = "";
    for (const metric of plan.filter((m) => m.charts.length)) {
      const track = new Track(metric.interval, span);
      this.tracks.set(metric.state, { track, charts: metric.charts });
      for (const declared of metric.charts) {
        this.charts.push(new Chart(place, declared, track, { span, sync: cursor.key }));
      }
    }
    section.hidden = this.charts.length === 0;
    addEventListener("themechange", () => this.charts.forEach((chart) => chart.forget()));
  }

  // What a sample says for the charts of its metric.
  add(state, sample, time) {
    const found = this.tracks.get(state);
    if (!found) return;
    const values = new Map();
    for (const { rows, series } of found.charts) {
      if (rows) {
        for (const row of sample?.[rows] ?? []) {
          for (const { name } of series) values.set(`${rows}[${row.key}].${name}`, row[name] ?? null);
        }
      } else for (const { name } of series) values.set(name, sample?.[name] ?? null);
    }
    found.track.add(time, values);
  }

  // `history` maps full series names to columns.
  fill(history, now) {
    for (const [state, { track }] of this.tracks) {
      const own = Object.entries(history)
        .filter(([name]) => name.startsWith(`${state}.`))
        .map(([name, columns]) => [name.slice(state.length + 1), columns]);
      track.fill(Object.fromEntries(own));
    }
    this.labelled = 0;
    this.draw(now);
  }

  draw(now) {
    if (document.hidden) return;
    const label = Math.abs(now - this.labelled) >= REDRAW_LABELS_SECONDS;
    if (label) this.labelled = now;
    for (const chart of this.charts) chart.draw(now, label);
  }
}
