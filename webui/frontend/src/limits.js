// Thresholds of a chart, as dashed lines across it, with their values.

import { css } from "./elements.js";
import { formatRound } from "./units.js";
import { words } from "./words.js";

const LABEL_PIXELS = 13;

// Those of the lines that are drawn: a limit of what is not there is none of what is.
export const applying = (declared, lines) =>
  declared.filter(({ of }) =>
    lines.some(({ name }) => of.some((series) => name === series || name.endsWith(`].${series}`))),
  );

// A uPlot draw hook.
export const limits = ({ stacked, limits: declared, unit }, lines, heat) => (plot) => {
  if (stacked || heat) return;
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const height = LABEL_PIXELS * ratio;
  const taken = [];
  ctx.save();
  ctx.textAlign = "left";
  ctx.textBaseline = "top";
  ctx.font = `${11 * ratio}px ${css("--sans")}`;
  ctx.setLineDash([2 * ratio, 4 * ratio]);
  // The most severe first: where there is room for few labels, they are theirs.
  for (const { at, severity } of applying(declared, lines).reverse()) {
    if (at < plot.scales.y.min || at > plot.scales.y.max) continue;
    const y = Math.round(plot.valToPos(at, "y", true));
    ctx.strokeStyle = ctx.fillStyle = css(`--${severity}`);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    // Above its line or below, wherever there is room.
    const free = (top) => top >= bbox.top && taken.every((other) => Math.abs(other - top) >= height);
    const top = [y - height, y + ratio].find(free);
    if (top === undefined) continue;
    taken.push(top);
    const text = `${words(`chart.${severity}`)} ${formatRound(at, unit)}`;
    ctx.fillText(text, bbox.left + 4 * ratio, top + ratio);
  }
  ctx.restore();
};
