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

// Where each label stands, or undefined where it has no room: no limit runs through it, which would
// say the label were its own. Above its line, below it, or below one further down, after what stands
// there already. `limits`: the lines' y and labels' widths, in the order in which they get a place.
export const places = (limits, box, height, gap) => {
  const taken = [];
  return limits.map(({ y, width }) => {
    const below = limits.map((other) => other.y).filter((other) => other >= y);
    const place = [y - height, ...below.sort((a, b) => a - b)]
      .filter((top) => top >= box.top && top + height <= box.bottom)
      .filter((top) => !limits.some((other) => other.y > top && other.y < top + height))
      .map((top) => {
        const before = taken.filter((other) => Math.abs(other.top - top) < height);
        return { top, left: gap + Math.max(box.left, ...before.map(({ right }) => right)) };
      })
      .find(({ left }) => left + width <= box.right);
    if (place) taken.push({ top: place.top, right: place.left + width });
    return place;
  });
};

// A uPlot draw hook.
export const limits = ({ stacked, limits: declared, unit }, lines, heat) => (plot) => {
  if (stacked || heat) return;
  const { ctx } = plot;
  const { left, top, width, height } = plot.bbox;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.textAlign = "left";
  ctx.textBaseline = "top";
  ctx.font = `${11 * ratio}px ${css("--sans")}`;
  ctx.setLineDash([2 * ratio, 4 * ratio]);
  // The most severe first: where there is room for few labels, they are theirs.
  const seen = applying(declared, lines)
    .filter(({ at }) => at >= plot.scales.y.min && at <= plot.scales.y.max)
    .reverse()
    .map(({ at, severity }) => {
      const text = `${words(`chart.${severity}`)} ${formatRound(at, unit)}`;
      const y = Math.round(plot.valToPos(at, "y", true));
      return { severity, text, y, width: ctx.measureText(text).width };
    });
  const box = { left, top, right: left + width, bottom: top + height };
  const found = places(seen, box, LABEL_PIXELS * ratio, 6 * ratio);
  seen.forEach(({ severity, text, y }, i) => {
    ctx.strokeStyle = ctx.fillStyle = css(`--${severity}`);
    ctx.beginPath();
    ctx.moveTo(box.left, y);
    ctx.lineTo(box.right, y);
    ctx.stroke();
    if (found[i]) ctx.fillText(text, found[i].left, found[i].top + 2 * ratio);
  });
  ctx.restore();
};
