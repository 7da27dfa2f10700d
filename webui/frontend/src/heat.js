// Many lines within fixed bounds as stripes, one below the other: the darker, the higher.

import { css } from "./elements.js";

const GAP_SAMPLES = 3;
const FAINTEST = 0.06;

export const isHeat = (lines, range) => lines.length > 8 && range !== null;

// A uPlot draw hook; `columns()` gives the values, in the order of the lines.
export const stripes = (lines, [low, high], columns) => (plot) => {
  const { ctx, bbox } = plot;
  const [t] = plot.data;
  const values = columns();
  const height = bbox.height / lines.length;
  const right = bbox.left + bbox.width;
  ctx.save();
  ctx.fillStyle = css("--ink");
  const x = t.map((time) => plot.valToPos(time, "x", true));
  const step = t.length > 1 ? (x.at(-1) - x[0]) / (t.length - 1) : bbox.width;
  for (let row = 0; row < lines.length; row += 1) {
    const top = Math.round(bbox.top + row * height);
    const tall = Math.max(Math.round(bbox.top + (row + 1) * height) - top - 1, 1);
    for (let i = 0; i < t.length; i += 1) {
      const value = values[row][i];
      const end = Math.min(i + 1 < t.length ? x[i + 1] : x[i] + step, x[i] + GAP_SAMPLES * step, right);
      if (typeof value !== "number" || end <= bbox.left || x[i] >= right) continue;
      const begin = Math.max(x[i], bbox.left);
      ctx.globalAlpha = FAINTEST + (1 - FAINTEST) * Math.min(Math.max((value - low) / (high - low), 0), 1);
      ctx.fillRect(begin, top, end - begin + 0.5, tall);
    }
  }
  ctx.restore();
};
