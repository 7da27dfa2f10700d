// The small courses beside figures: the last minutes of one series, without axes.

import { css } from "./elements.js";

const INSET = 1.5;
const LEAST_MOVE = 1; // pixels: one that has moved by less is not drawn anew

export class Traces {
  // `metrics` maps metric names to their tracks.
  constructor(root, metrics) {
    this.root = root;
    this.metrics = metrics;
    this.sizes = new WeakMap(); // to ask a canvas for its size would lay the page out each time
    this.observer = new ResizeObserver((entries) => {
      for (const { target, contentRect } of entries) {
        this.sizes.set(target, contentRect);
        this.drawn.delete(target);
      }
    });
    this.drawn = new WeakMap(); // up to when each canvas has been drawn
  }

  // `anew`: even those that have hardly moved.
  draw(now, span, anew = false) {
    const ink = css("--ink");
    for (const canvas of this.root.querySelectorAll("canvas.trace")) {
      const width = this.sizes.get(canvas)?.width;
      const moved = ((now - (this.drawn.get(canvas) ?? -Infinity)) / span) * width;
      if (!anew && moved >= 0 && moved < LEAST_MOVE) continue;
      const found = this.metrics.get(canvas.closest("[data-metric]")?.dataset.metric);
      if (found && width) this.one(canvas, found.track, now, span, ink);
      else if (!this.sizes.has(canvas)) this.observer.observe(canvas);
    }
  }

  one(canvas, track, now, span, ink) {
    const { trace: field, of: rows, unit, low: least, high: most } = canvas.dataset;
    const key = rows ? canvas.closest("[data-key]").dataset.key : null;
    const column = track.columns.get(rows ? `${rows}[${key}].${field}` : field);
    if (!column) return;
    this.drawn.set(canvas, now);
    const ratio = devicePixelRatio || 1;
    const size = this.sizes.get(canvas);
    const width = Math.round(size.width * ratio);
    const height = Math.round(size.height * ratio);
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    const [low, high] = least === undefined ? extent(column, unit) : [Number(least), Number(most)];
    const inset = INSET * ratio;
    const x = (time) => width * (1 - (now - time) / span);
    const y = (value) =>
      height - inset - ((height - 2 * inset) * (value - low)) / (high - low || 1);
    context.strokeStyle = context.fillStyle = ink;
    context.lineWidth = 1.25 * ratio;
    context.lineJoin = "round";
    for (const [first, last] of runs(column)) {
      context.beginPath();
      for (let i = first; i <= last; i += 1) context.lineTo(x(track.t[i]), y(column[i]));
      context.globalAlpha = 1;
      context.stroke();
      context.lineTo(x(track.t[last]), height);
      context.lineTo(x(track.t[first]), height);
      context.globalAlpha = 0.12;
      context.fill();
    }
    context.globalAlpha = 1;
  }
}

// From nothing to the highest; temperatures and voltages between their extremes.
const extent = (column, unit) => {
  const known = column.filter((value) => value !== null);
  const high = Math.max(...known);
  const low = Math.min(...known);
  if (unit === "celsius" || unit === "volts") return [low - 3, Math.max(high, low + 3)];
  return [Math.min(low, 0), high || 1];
};

// First and last index of each stretch without a gap.
function* runs(column) {
  let first = -1;
  for (let i = 0; i <= column.length; i += 1) {
    const known = i < column.length && column[i] !== null;
    if (known && first < 0) first = i;
    if (!known && first >= 0) {
      yield [first, i - 1];
      first = -1;
    }
  }
}
