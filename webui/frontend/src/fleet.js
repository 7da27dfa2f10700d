// The list of all hosts: writes what has changed, judges its freshness, sorts it calmly, sifts it.

import { waking } from "./awake.js";
import { write } from "./elements.js";
import { format, formatNumber } from "./units.js";
import { showVerdict } from "./verdict.js";
import { words } from "./words.js";

const STALE_AFTER_SECONDS = 3;
const CALM_SECONDS = 5;
const ASK_AGAIN = 1000; // milliseconds
const SEVERITY = ["critical", "warning", "stale", "unknown", "healthy"]; // worst first
let collator; // made when first needed: the browser loads tables for it
const byName = (a, b) =>
  (collator ??= new Intl.Collator("en", { numeric: true })).compare(a.name, b.name);
const word = (status) => words(`verdict.${status}`);
const seconds = () => performance.now() / 1000;

// A letter for each slot: "0" is 0 %, one on is 2 % more, a blank is a gap, which breaks the line.
const line = (letters) => {
  let path = "";
  let drawn = false;
  for (let x = 0; x < letters.length; x += 1) {
    const known = letters[x] !== " ";
    if (known) path += `${drawn ? "L" : "M"}${x} ${98 - letters.charCodeAt(x)}${drawn ? "" : "h0"}`;
    drawn = known;
  }
  return path;
};

class Row {
  constructor(element) {
    this.element = element;
    this.key = element.dataset.key;
    this.link = element.querySelector("a");
    this.verdict = element.querySelector(".verdict-cell");
    this.reason = element.querySelector(".reason");
    this.figures = [...element.querySelectorAll(".number > span")];
    this.paths = [...element.querySelectorAll(".spark path")];
    this.seen = element.querySelector(".seen span");
    this.data = {};
    this.letters = [];
    this.heard = 0;
    this.shown = false; // whether it is in sight
    this.drawn = "";
    this.failed = false; // whether it could not be drawn
    this.late = false; // whether the figures that are written are not the newest
  }

  // What goes wrong with one row is that row's, and is tried again with all that is known of it.
  // `listened`: figures out of sight are written too, for those who do not look but listen.
  take(changed, listened = false) {
    Object.assign(this.data, changed);
    try {
      const whole = this.failed ? this.data : changed;
      this.failed = false;
      this.update(whole);
      if (this.shown || listened) this.flush();
    } catch (error) {
      this.failed = true;
      write(this.reason.firstElementChild, words("row.failed", { reason: error.message }));
      this.showStatus();
    }
  }

  get status() {
    return this.failed ? "unknown" : this.data.status;
  }

  showStatus() {
    const { status } = this;
    this.element.dataset.status = status;
    write(this.verdict.querySelector("span"), word(status));
    this.verdict.querySelector("use").setAttribute("href", `#shape-${status}`);
  }

  update(changed) {
    if ("name" in changed) write(this.link, changed.name);
    if ("reason" in changed) write(this.reason.firstElementChild, changed.reason);
    if ("notes" in changed) this.showNotes(changed.notes);
    if ("figures" in changed) this.late = true;
    changed.levels?.forEach((level, i) => {
      this.figures[i]?.parentElement.setAttribute("class", `number ${level}`);
    });
    if ("status" in changed) this.showStatus();
    if ("silent" in changed) this.heard = seconds() - changed.silent;
    if ("seen" in changed) this.element.dataset.seen = changed.seen;
  }

  flush() {
    if (!this.late) return;
    this.late = false;
    this.data.figures.forEach((figure, i) => {
      const place = this.figures[i];
      if (!place) return;
      const text = format(figure, place.dataset.form);
      write(place, text ?? words("not_known"));
      place.classList.toggle("unknown", text === null);
    });
  }

  showNotes(notes) {
    const [reason, ...old] = this.reason.children;
    if (notes.join("\n") === old.map((note) => note.textContent).join("\n")) return;
    const made = notes.map((text) => Object.assign(document.createElement("p"), { className: "note", textContent: text }));
    this.reason.replaceChildren(reason, ...made);
  }

  // When it was last heard, by our own clock; `silent` is for how long nothing at all has come.
  age(silent) {
    const { seen } = this.data;
    if (this.failed) return words("seen.failed");
    if (seen === "connecting") return words("seen.never");
    const since = seen === "live" ? silent : seconds() - this.heard;
    if (since <= STALE_AFTER_SECONDS && seen === "live") return words("seen.now");
    const long = formatNumber(Math.floor(since), "seconds").replace(".00", "").replace(".0", "");
    return words("seen.ago", { long });
  }

  // What nobody sees is drawn when it comes into sight.
  draw() {
    const wanted = this.letters.join("\n");
    if (!this.shown || wanted === this.drawn) return;
    this.drawn = wanted;
    this.letters.forEach((letters, i) => this.paths[i]?.setAttribute("d", line(letters)));
  }

  matches({ text, only }) {
    const { status, data: { name, reason } } = this;
    if (only && status !== only) return false;
    return !text || `${name} ${word(status)} ${reason}`.toLowerCase().includes(text);
  }
}

export class Fleet {
  // `sift` is what the reader looks for: it outlives the list.
  constructor(main, sift) {
    this.main = main;
    this.sift = sift;
    this.list = main.querySelector("tbody");
    this.rows = new Map();
    this.heard = seconds();
    this.touched = -Infinity;
    this.sorted = false;
    this.told = { status: "unknown", text: words("hosts.none") };
    const sight = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const row = this.rows.get(target.dataset.key);
        if (!row) continue;
        row.shown = isIntersecting;
        row.take({});
        row.draw();
      }
    }, { rootMargin: "100px" });
    for (const element of this.list?.children ?? []) {
      const row = new Row(element);
      this.rows.set(row.key, row);
      sight.observe(element);
    }
    for (const event of ["pointermove", "pointerdown", "keydown", "focusin"]) {
      this.list?.addEventListener(event, () => { this.touched = seconds(); }, { passive: true });
    }
    this.prepareSift();
  }

  get page() {
    return this.main.dataset.fleet;
  }

  snapshot({ rows, sparks }) {
    for (const row of this.rows.values()) row.data = {};
    this.touched = -Infinity;
    this.frame({ rows, sparks });
  }

  frame({ rows, points, sparks }) {
    const failed = this.failed();
    let other = false; // whether heading, order or what is sifted may be other ones
    for (const [key, changed] of Object.entries(rows)) {
      this.rows.get(key)?.take(changed);
      other ||= "status" in changed || "name" in changed || "reason" in changed;
    }
    for (const [key, letters] of Object.entries(sparks ?? {})) {
      const row = this.rows.get(key);
      if (row) row.letters = letters;
    }
    for (const [key, newest] of Object.entries(points ?? {})) {
      const row = this.rows.get(key);
      if (row) row.letters = row.letters.map((letters, i) => letters.slice(1) + (newest[i] ?? " "));
    }
    if (points || sparks) {
      for (const row of this.rows.values()) {
        row.take({}, true);
        row.draw();
      }
    }
    if (other || failed !== this.failed()) {
      this.told = this.summary();
      this.sorted = false;
      this.show();
    }
    this.heard = seconds(); // only now: what could not be drawn is not fresh
    this.judge();
  }

  failed() {
    return [...this.rows.values()].filter((row) => row.failed).length;
  }

  get silent() {
    return seconds() - this.heard;
  }

  // Not from the socket's state: from when a message last came.
  judge() {
    const { silent } = this;
    const stale = silent > STALE_AFTER_SECONDS;
    this.main.classList.toggle("stale", stale);
    const { status, text } = this.told;
    const since = words("reason.stale_known", { seconds: Math.floor(silent), word: text });
    const shown = stale ? { status: "stale", text: `${word("stale")}: ${since}` } : { status, text };
    showVerdict(shown, words("product"));
    for (const row of this.rows.values()) write(row.seen, row.age(silent));
    this.sort();
    return stale;
  }

  counts() {
    const found = Object.fromEntries(SEVERITY.map((status) => [status, 0]));
    for (const { status } of this.rows.values()) if (status in found) found[status] += 1;
    return found;
  }

  summary() {
    const found = Object.entries(this.counts()).filter(([, number]) => number);
    if (!found.length) return this.told;
    const parts = found.map(([status, number]) => `${number} ${word(status).toLowerCase()}`);
    return { status: found[0][0], text: `${word(found[0][0])}: ${parts.join(", ")}` };
  }

  // Rows do not move under a pointer or a finger, nor under a reader's focus, until it rests.
  sort() {
    if (this.sorted || seconds() - this.touched < CALM_SECONDS) return;
    this.sorted = true;
    const ranked = [...this.rows.values()].sort(
      (a, b) => SEVERITY.indexOf(a.status) - SEVERITY.indexOf(b.status) || byName(a.data, b.data),
    );
    const focused = document.activeElement;
    let place = this.list.firstElementChild;
    for (const { element } of ranked) {
      if (element === place) place = place.nextElementSibling;
      else this.list.insertBefore(element, place);
    }
    if (focused !== document.activeElement && this.list.contains(focused)) {
      focused.focus({ preventScroll: true });
      this.touched = -Infinity;
    }
  }

  prepareSift() {
    this.search = this.main.querySelector("#search");
    this.chips = [...this.main.querySelectorAll("[data-only]")];
    if (!this.search) return;
    // What was typed before this script ran counts as well.
    this.search.value ||= this.sift.text;
    this.sift.text = this.search.value.trim().toLowerCase();
    this.search.form.addEventListener("submit", (event) => event.preventDefault());
    this.search.addEventListener("input", () => {
      this.sift.text = this.search.value.trim().toLowerCase();
      this.show(true);
    });
    for (const chip of this.chips) {
      chip.addEventListener("click", () => {
        this.sift.only = this.sift.only === chip.dataset.only ? null : chip.dataset.only;
        this.show(true);
      });
    }
  }

  // Which rows and chips are there to see; `asked`: the reader has asked for others.
  show(asked = false) {
    if (!this.search) return;
    const found = this.counts();
    for (const chip of this.chips) {
      const { only } = chip.dataset;
      const pressed = this.sift.only === only;
      chip.setAttribute("aria-pressed", String(pressed));
      chip.hidden = !found[only] && !pressed;
      write(chip.querySelector("b"), String(found[only]));
    }
    let number = 0;
    for (const row of this.rows.values()) {
      const matches = row.matches(this.sift);
      row.element.hidden = !matches;
      number += matches;
    }
    this.main.querySelector("#nothing").hidden = number > 0;
    const told = words("hosts.shown", { count: number, total: this.rows.size });
    if (asked) write(document.getElementById("announce"), told);
  }
}

// `redraw` puts the server's present page in place of this one.
export const followFleet = (socket, { redraw, isOutdated }) => {
  const main = () => document.getElementById("main");
  const sift = { text: "", only: null };
  let fleet = new Fleet(main(), sift);
  let current = false; // whether what comes goes on from what is shown
  const wake = waking(socket, (slept) => {
    current = false;
    fleet.heard = Math.min(fleet.heard, seconds() - slept);
    fleet.judge();
  });

  const start = async (answer) => {
    if (isOutdated(answer)) return location.reload();
    if (answer.page !== fleet.page) {
      if (!(await redraw())) return setTimeout(follow, ASK_AGAIN);
      fleet = new Fleet(main(), sift);
      if (answer.page !== fleet.page) return follow(); // changed once more
    }
    fleet.snapshot(answer);
    current = true;
    return undefined;
  };
  const follow = () => {
    current = false;
    if (socket.connected) socket.emit("follow", null, start);
  };
  socket.on("connect", follow);
  socket.on("disconnect", () => { current = false; });
  socket.on("fleet", (message) => {
    wake();
    if (!current) return;
    if (message.page !== fleet.page) follow();
    else fleet.frame(message);
  });
  const check = () => {
    wake();
    if (current || fleet.silent > STALE_AFTER_SECONDS) fleet.judge();
  };
  setInterval(check, 250);
  document.addEventListener("visibilitychange", check);
};
