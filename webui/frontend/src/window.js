// The time that all charts show: the last minutes or more, live, or a stretch that stands still.

import { make } from "./elements.js";
import { clock, dayAndClock, formatNumber } from "./units.js";
import { words } from "./words.js";

export const LIVE_SECONDS = 300;
const LEAST_SECONDS = 10;
const PAN = 0.25;
const ZOOM = 0.5;
const DAY_SECONDS = 86400;

let zoneName;
const zone = () => (zoneName ??= Intl.DateTimeFormat().resolvedOptions().timeZone);
const long = (seconds) => formatNumber(seconds, "seconds").replace(/ 0 \w+$/, "");

export class Window {
  // `ranges` are how far back one can go, in seconds; `turned` is called when it has changed.
  constructor(section, ranges, now, turned) {
    this.now = now;
    this.turned = turned;
    this.ranges = [...new Set([LIVE_SECONDS, ...ranges])].sort((a, b) => a - b);
    this.span = LIVE_SECONDS;
    this.from = null; // where it stands still
    this.to = null;
    this.group = section.querySelector(".ranges");
    this.buttons = this.ranges.map((span) => {
      const button = make("button", { type: "button", textContent: long(span) });
      button.addEventListener("click", () => this.last(span));
      return button;
    });
    this.home = make("button", { type: "button", textContent: words("range.live"), hidden: true });
    this.home.addEventListener("click", () => this.back());
    this.group.replaceChildren(...this.buttons, this.home);
    this.section = section;
    this.press = (event) => this.key(event);
    document.addEventListener("keydown", this.press);
    this.mark();
  }

  // Shows what another window did, as far as this one can.
  take({ span, from, to }) {
    if (this.ranges.includes(span)) Object.assign(this, { span, from, to });
    this.mark();
  }

  close() {
    document.removeEventListener("keydown", this.press);
  }

  get live() {
    return this.from === null;
  }

  // What is shown without asking: every sample of the last minutes.
  get isPlain() {
    return this.live && this.span <= LIVE_SECONDS;
  }

  bounds(now) {
    return this.live ? { from: now - this.span, to: now } : { from: this.from, to: this.to };
  }

  words(now) {
    if (this.live) return `${words("range.last", { long: long(this.span) })} · ${zone()}`;
    const { from, to } = this.bounds(now);
    const label = now - from > DAY_SECONDS ? dayAndClock : (date) => clock(date, true);
    const [first, last] = [from, to].map((time) => label(new Date(time * 1000)));
    return `${words("range.window", { from: first, to: last })} · ${zone()}`;
  }

  last(span) {
    Object.assign(this, { span, from: null, to: null });
    this.mark();
    this.turned();
  }

  back() {
    if (!this.live) this.last(this.span);
  }

  // A stretch that stands still; one that begins or ends beyond what is known is moved.
  set(from, to) {
    const now = this.now();
    const most = this.ranges.at(-1);
    const span = Math.min(Math.max(to - from, LEAST_SECONDS), most);
    const end = Math.max(Math.min((from + to + span) / 2, now), now - most + span);
    Object.assign(this, { from: end - span, to: end });
    this.mark();
    this.turned();
  }

  mark() {
    this.buttons.forEach((button, i) => {
      button.setAttribute("aria-pressed", String(this.live && this.ranges[i] === this.span));
    });
    this.home.hidden = this.live;
  }

  key(event) {
    const focused = document.activeElement;
    // Characters, which may be meant for something else, only where the charts have the focus.
    const inside = this.section.contains(focused);
    const here = inside || (event.key.length > 1 && (focused === document.body || focused.id === "main"));
    if (event.ctrlKey || event.altKey || event.metaKey || !here) return;
    const { from, to } = this.bounds(this.now());
    const span = to - from;
    const middle = (from + to) / 2;
    const zoom = (by) => this.set(middle - (span * by) / 2, middle + (span * by) / 2);
    const actions = {
      ArrowLeft: () => this.set(from - span * PAN, to - span * PAN),
      ArrowRight: () => this.set(from + span * PAN, to + span * PAN),
      "+": () => zoom(ZOOM),
      "=": () => zoom(ZOOM),
      "-": () => zoom(1 / ZOOM),
      Escape: () => this.back(),
      Home: () => this.back(),
    };
    const known = Object.hasOwn(actions, event.key) && !(this.live && ["Escape", "Home"].includes(event.key));
    if (!known) return;
    event.preventDefault();
    actions[event.key]();
  }
}
