// The charts that the catalogue declares, on one time axis; loaded when the figures are live.

import { Chart } from "./chart.js";
import { make, write } from "./elements.js";
import { Traces } from "./traces.js";
import { Track } from "./track.js";
import { LIVE_SECONDS, Window } from "./window.js";
import { clock, dayAndClock } from "./units.js";
import { words } from "./words.js";

const DESCRIBE_SECONDS = 15;
const POINTS = 720;
const REFRESH_SHARE = 1 / 120; // of the span: how old coarse points may get
const REFRESH_LEAST = 10;

export class Charts {
  // `ask` gives the history for a query, as the server answers it. `former`: the charts in whose
  // place these come; what they know is known to these.
  constructor({ ranges, lines, metrics }, ask, former) {
    this.most = lines; // of a chart of rows
    this.ask = ask;
    this.section = document.getElementById("charts");
    this.caption = document.getElementById("window");
    this.charts = [];
    this.live = new Map();
    this.byName = new Map();
    this.loaded = null; // tracks by state, of a window that the live ones do not hold
    this.coarse = false;
    this.asked = 0;
    this.described = 0;
    this.pointed = null;
    this.now = 0;
    this.filled = Boolean(former); // until then a chart without a figure may get some: it stays
    const figures = new Map(
      [...this.section.querySelectorAll("[data-chart]")].map((e) => [e.dataset.chart, e]),
    );
    const on = {
      zoom: (from, to) => this.window.set(from, to),
      live: () => this.window.back(),
      point: (time) => this.point(time),
    };
    for (const { name, state, interval, charts, traced } of metrics) {
      if (!charts.length && !traced.length) continue;
      const track = former?.live.get(state)?.track ?? new Track(interval, LIVE_SECONDS);
      track.interval = interval;
      this.live.set(state, { interval, charts, traced, track });
      this.byName.set(name, this.live.get(state));
      const card = document.getElementById(`metric-${name}`);
      if (charts.length) card?.classList.toggle("charted", card.classList.contains("kind-table"));
      charts.forEach((declared, i) => {
        const whole = charts.filter(({ rows, unit }) => declared.rows && !rows && unit === declared.unit);
        const said = whole.flatMap(({ series }) => series.map((each) => each.name));
        const chart = new Chart(figures.get(`${name}-${i}`), declared, said, on);
        this.charts.push([state, chart]);
      });
    }
    this.section.hidden = this.charts.length === 0;
    this.window = new Window(this.section, ranges, () => this.now, () => this.turned());
    if (former) this.window.take(former.window);
    this.traces = new Traces(document, this.byName);
    this.forget = () => {
      this.charts.forEach(([, chart]) => chart.forget());
      this.traces.draw(this.now, LIVE_SECONDS, true);
    };
    this.freshen = () => this.charts.forEach(([, chart]) => chart.sight(true));
    addEventListener("themechange", this.forget);
    addEventListener("beforeprint", this.freshen);
  }

  // When another page's charts take their place.
  close() {
    removeEventListener("themechange", this.forget);
    removeEventListener("beforeprint", this.freshen);
    this.window.close();
  }

  // What a sample says for the charts of its metric.
  add(state, sample, time) {
    const found = this.live.get(state);
    if (!found) return;
    const values = new Map(found.traced.map((name) => [name, sample?.[name] ?? null]));
    for (const { rows, series } of found.charts) {
      for (const { name } of series) {
        if (!rows) values.set(name, sample?.[name] ?? null);
        else for (const row of (sample?.[rows] ?? []).slice(0, this.most)) values.set(`${rows}[${row.key}].${name}`, row[name] ?? null);
      }
    }
    found.track.add(time, values);
    if (this.window.live) this.loaded?.get(state)?.add(time, values);
  }

  // What the collector has kept, before and beside what comes live.
  async refill(now) {
    this.now = now;
    const { series } = await this.ask({ seconds: LIVE_SECONDS }).finally(() => { this.filled = true; });
    for (const [state, { track }] of this.live) track.fill(own(series, state));
    if (!this.window.isPlain) await this.load();
    this.described = 0;
    this.draw(this.now, true);
  }

  // The window is another one: what is there is drawn at once, the rest when it has come.
  turned() {
    if (this.window.isPlain) this.loaded = null;
    else this.load();
    this.described = 0;
    this.draw(this.now, true);
  }

  async load() {
    const asked = (this.asked += 1);
    const { from, to } = this.window.bounds(this.now);
    this.loadedAt = this.now;
    try {
      const answer = await this.ask({ start: from, end: to, points: POINTS });
      if (asked !== this.asked || this.window.isPlain) return;
      this.coarse = answer.resolution_seconds !== null;
      this.loaded = new Map(
        [...this.live].map(([state, { interval, track: live }]) => {
          const track = new Track(Math.max(interval, answer.resolution_seconds ?? 0), to - from);
          track.fill(own(answer.series, state), within(this.loaded?.get(state) ?? live, from, to));
          return [state, track];
        }),
      );
      this.failed = "";
    } catch (error) {
      if (asked === this.asked) this.failed = words("range.failed", { reason: error.message });
    }
    this.draw(this.now, true);
  }

  draw(now, anew = false) {
    this.now = now;
    if (document.hidden || !this.filled) return;
    this.traces.draw(now, LIVE_SECONDS, anew);
    const { live } = this.window;
    if (!live && !anew) return;
    const { from, to } = this.window.bounds(now);
    if (live && this.loaded) {
      const age = now - this.loadedAt;
      if (age > Math.max((to - from) * REFRESH_SHARE, REFRESH_LEAST)) this.load();
    }
    const label = Math.abs(now - this.described) >= DESCRIBE_SECONDS;
    if (label) this.described = now;
    this.caption.classList.toggle("stale", Boolean(this.failed));
    const common = { from, to, words: this.window.words(now), coarse: this.coarse && Boolean(this.loaded) };
    const known = new Map();
    for (const [state, chart] of this.charts) {
      const { track } = this.live.get(state);
      const loaded = this.loaded?.get(state);
      if (!known.has(state)) known.set(state, new Set([...track.known(), ...(loaded?.known() ?? [])]));
      chart.draw({ ...common, track: loaded ?? track, names: known.get(state) }, label, !anew);
    }
    this.say();
  }

  point(time) {
    this.pointed = time;
    this.say();
  }

  // What the charts show: the time at the cursor, or the window.
  say() {
    const { from, to } = this.window.bounds(this.now);
    const at = to - from > 86400 ? dayAndClock : (date) => clock(date, true);
    const text = this.pointed ? at(new Date(this.pointed * 1000)) : this.window.words(this.now);
    write(this.caption, this.failed && !this.pointed ? this.failed : text);
  }
}

// The part of a track that a window shows.
const within = (track, from, to) => ({
  points: () => track.points().filter(([time]) => time >= from && time <= to),
});

const own = (series, state) =>
  Object.fromEntries(
    Object.entries(series)
      .filter(([name]) => name.startsWith(`${state}.`))
      .map(([name, columns]) => [name.slice(state.length + 1), columns]),
  );
