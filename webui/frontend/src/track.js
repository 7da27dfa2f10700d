// A metric's series over time, in columns as uPlot wants them: one `t`, one column per series.

const HOLE_INTERVALS = 1.5;

export class Track {
  constructor(interval, span) {
    this.interval = interval;
    this.span = span;
    this.t = [];
    this.columns = new Map();
  }

  // `values` maps series names to numbers or null; times are seconds since 1970.
  add(t, values) {
    const last = this.t.at(-1);
    if (last !== undefined && t <= last) {
      this.cut(t); // the same sample again, or a clock set back: then what was known breaks off
      const kept = this.t.at(-1);
      if (kept !== undefined && t < last) this.push((kept + t) / 2, new Map());
    } else if (last !== undefined && t - last >= 3 * this.interval) {
      this.push(last + this.interval, new Map()); // nothing is known of that time: a break
    }
    this.push(t, values);
    const gone = this.t.findIndex((time) => time >= t - this.span - 3 * this.interval);
    if (gone > 0) for (const column of [this.t, ...this.columns.values()]) column.splice(0, gone);
  }

  // Each point: its time, and its values by name.
  points() {
    return this.t.map((t, i) => [t, new Map([...this.columns].map(([n, c]) => [n, c[i]]))]);
  }

  // What the collector has kept, between what is known of before, which a new start may have made it
  // forget, and what has come live since. Of joined samples there are the lowest and the highest too,
  // as columns of their own. `before` is a track that may know more of then.
  fill(series, before = this) {
    const live = this.points();
    const older = before.points();
    const points = new Map();
    for (const [name, { t, avg, min, max }] of Object.entries(series)) {
      t.forEach((time, i) => {
        if (!points.has(time)) points.set(time, new Map());
        const values = points.get(time).set(name, avg[i]);
        if (min) values.set(`${name}|min`, min[i]).set(`${name}|max`, max[i]);
      });
    }
    // Many series are asked for in parts, the last of which may know a sample more.
    const ends = Object.values(series).flatMap(({ t }) => t.slice(-1));
    const common = Math.min(...ends);
    for (const time of points.keys()) if (time > common) points.delete(time);
    this.t = [];
    this.columns = new Map();
    const kept = [...points.keys()].sort((a, b) => a - b);
    const first = kept[0] ?? (before === this ? -Infinity : Infinity);
    for (const [time, values] of older) if (time < first) this.push(time, values);
    const end = this.t.at(-1);
    // Even a short hole is one: nobody has seen what was between.
    if (first - end > HOLE_INTERVALS * this.interval && first < Infinity) {
      this.push(Math.min(end + this.interval, (end + first) / 2), new Map());
    }
    for (const time of kept) this.push(time, points.get(time));
    const last = this.t.at(-1) ?? -Infinity;
    for (const [time, values] of live) if (time > last) this.add(time, values);
  }

  // The names of the series of which anything is known.
  known() {
    return [...this.columns].filter(([, c]) => c.some((v) => v !== null)).map(([name]) => name);
  }

  push(t, values) {
    for (const name of values.keys()) {
      if (!this.columns.has(name)) this.columns.set(name, new Array(this.t.length).fill(null));
    }
    this.t.push(t);
    for (const [name, column] of this.columns) column.push(values.get(name) ?? null);
  }

  cut(from) {
    const keep = this.t.findIndex((time) => time >= from);
    if (keep >= 0) for (const column of [this.t, ...this.columns.values()]) column.length = keep;
  }
}
