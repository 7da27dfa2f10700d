// Values as text. health_wire/units.py does the same; tests hold both to one table.
// At most three significant digits. A value that is not known has no text here.

import { words } from "./words.js";

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const DECIMAL = ["", "k", "M", "G", "T"];

// Without a minus before nothing.
const fixed = (value, digits) => {
  const text = value.toFixed(digits);
  return /[1-9]/.test(text) ? text : text.replace("-", "");
};

const significant = (value) => {
  const size = Math.abs(value);
  return fixed(value, size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
};

const oneDigit = (value) => fixed(value, Math.abs(value) < 99.95 ? 1 : 0);

const count = (value) => (Number.isInteger(value) ? String(value) : significant(value));

const scaled = (step, prefixes, unit) => (value) => {
  let index = 0;
  // A figure is rounded to three digits before its prefix is chosen: 1023.7 KiB is 1.00 MiB.
  while (Math.abs(value) >= 999.5 && index < prefixes.length - 1) {
    value /= step;
    index += 1;
  }
  return `${index ? significant(value) : count(value)} ${prefixes[index]}${unit}`;
};

const STEPS = [
  [86400, "d", 3600, "h"],
  [3600, "h", 60, "min"],
  [60, "min", 1, "s"],
];

const seconds = (value) => {
  if (value < 1) return `${fixed(value * 1000, 0)} ms`;
  if (value < 60) return `${significant(value)} s`;
  const whole = Math.trunc(value);
  const [size, name, smallerSize, smaller] = STEPS.find(([size]) => whole >= size);
  return `${Math.trunc(whole / size)} ${name} ${Math.trunc((whole % size) / smallerSize)} ${smaller}`;
};

// Units and forms come from other machines: a name such as `constructor` must find nothing.
const FORMATS = {
  __proto__: null,
  percent: (v) => `${oneDigit(v)} %`,
  count,
  bytes: scaled(1024, BINARY, ""),
  bytes_per_second: scaled(1024, BINARY, "/s"),
  bits_per_second: scaled(1000, DECIMAL, "bit/s"),
  per_second: (v) => `${count(v)} /s`,
  seconds,
  celsius: (v) => `${oneDigit(v)} °C`,
  hertz: scaled(1000, DECIMAL, "Hz"),
  volts: (v) => `${significant(v)} V`,
  rpm: (v) => `${fixed(v, 0)} rpm`,
};

const BITS_PER_BYTE = 8;
const root = globalThis.document?.documentElement;

// Whether the reader has chosen bits per second. It stands in the page because two bundles ask.
const inBits = (unit) => unit === "bytes_per_second" && root?.dataset.rates === "bits";

// Whether round figures are powers of two.
export const isBinary = (unit) => unit.startsWith("bytes") && !inBits(unit);

export const formatNumber = (value, unit) =>
  inBits(unit)
    ? FORMATS.bits_per_second(value * BITS_PER_BYTE)
    : (FORMATS[unit] ?? count)(value);

// For limits and axes: 90 % rather than 90.0 %.
export const formatRound = (value, unit) => formatNumber(value, unit).replace(/\.0+(?= |$)/, "");

const pad = (number) => String(number).padStart(2, "0");

// 24 h, in the reader's own zone.
export const clock = (date, withSeconds = false) =>
  `${pad(date.getHours())}:${pad(date.getMinutes())}${withSeconds ? `:${pad(date.getSeconds())}` : ""}`;

// For axes of more than a day.
export const dayAndClock = (date) => `${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${clock(date)}`;

export const dateAndClock = (date, withSeconds = false) =>
  `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${clock(date, withSeconds)}`;

// From UTC, at that time. The zone's name is dear: the browser loads its tables for it.
export const offset = (date) => {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? "-" : "+"}${pad(Math.trunc(size / 60))}:${pad(size % 60)}`;
};

const FORMS = {
  __proto__: null,
  text: (value) => String(value),
  flag: (value) => (typeof value === "boolean" ? words(value ? "yes" : "no") : null),
  time: (value) => {
    const date = new Date(value);
    return Number.isNaN(date.getTime()) ? null : dateAndClock(date);
  },
  rows: (value) => (Array.isArray(value) ? String(value.length) : null),
};

// The text of a value in a form: a unit, or text, flag, time, rows. Null: it is not known.
export const format = (value, form) => {
  if (value === null || value === undefined) return null;
  if (FORMS[form]) return FORMS[form](value);
  return typeof value === "number" ? formatNumber(value, form) : null;
};
