// Axes and scales of a chart: time in the reader's zone, values in their units.

import { css } from "./elements.js";
import { clock, dayAndClock, formatRound, isBinary } from "./units.js";

// Units whose interesting part is not measured from nothing, and the least span worth showing.
const FLOATING = { celsius: 10, volts: 0.5 };
const BINARY_STEPS = Array.from({ length: 51 }, (_, power) => 2 ** power);
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;
const TIME_STEPS = [
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 30].map((n) => n * DAY),
];

const bounds = (low, high, unit) => {
  if (low === null || high === null) return [0, 1];
  const least = FLOATING[unit];
  if (!least) return [Math.min(low, 0), high > 0 ? high * 1.1 : 1];
  const margin = Math.max((least - (high - low)) / 2, (high - low) * 0.1);
  return [Math.floor(low - margin), Math.ceil(high + margin)];
};

const timeLabel = (time, step) => {
  const date = new Date(time * 1000);
  return step >= DAY ? dayAndClock(date).split(" ")[0] : clock(date, step < MINUTE);
};

// `view()` says from when to when; `stripes` are the lines where each is a stripe of its own.
export const scales = ({ unit, range }, view, stripes) => {
  const axis = {
    stroke: css("--muted"),
    font: `11px ${css("--sans")}`,
    grid: { stroke: css("--rule"), width: 1 },
    ticks: { show: false },
  };
  const every = stripes ? Math.ceil(stripes.length / 8) : 1;
  const values = stripes
    ? {
        grid: { show: false },
        splits: () => stripes.map((_, i) => i + 0.5).filter((_, i) => i % every === 0),
        values: (_, splits) => splits.map((at) => stripes[Math.floor(at)].key),
      }
    : {
        ...(isBinary(unit) ? { incrs: BINARY_STEPS } : {}),
        space: 28,
        values: (_, splits) => splits.map((value) => formatRound(value, unit)),
      };
  return {
    scales: {
      x: { time: true, range: () => [view().from, view().to] },
      y: stripes
        ? { range: [0, stripes.length], dir: -1 }
        : { range: range ?? ((_, low, high) => bounds(low, high, unit)) },
    },
    axes: [
      {
        ...axis,
        incrs: TIME_STEPS,
        space: 64,
        size: 22,
        values: (_, splits, __, ___, step) => splits.map((time) => timeLabel(time, step)),
      },
      { ...axis, size: 62, gap: 6, ...values },
    ],
    padding: [10, 24, 0, 0],
  };
};

