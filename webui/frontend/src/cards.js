// Writes new values into the tiles that the server has drawn.

import { write } from "./elements.js";
import { format } from "./units.js";
import { words } from "./words.js";

const statusWords = ({ status, reason }) => {
  if (!["waiting", "unavailable", "denied", "failing"].includes(status)) return "";
  return reason ? `${words(`state.${status}`)}: ${reason}` : words(`state.${status}`);
};

const fillBar = (bar, value) => {
  const width = typeof value === "number" ? Math.min(Math.max(value, 0), 100) : 0;
  const { warning, critical } = bar.dataset;
  const level =
    critical !== undefined && width >= Number(critical) ? "critical"
    : warning !== undefined && width >= Number(warning) ? "warning"
    : "";
  bar.querySelector(".fill").setAttribute("width", `${width}%`);
  bar.setAttribute("class", `bar ${level}`);
};

// Every field of `elements`; in facts, what is not known is left out, as missing texts always are.
const fillFields = (data, elements, optional) => {
  for (const element of elements) {
    const { field, form } = element.dataset;
    const text = format(data[field], form);
    const cell = element.closest("td");
    const missing = text === null;
    const silent = missing && (optional || form === "text");
    write(element, silent && cell ? "" : (text ?? words("not_known")));
    const line = element.closest("[data-line]");
    if (line) line.hidden = silent;
    (cell ?? element).classList.toggle("unknown", missing);
    if (cell?.dataset.flag) cell.dataset.raised = String(data[field] === true);
  }
};

export class Card {
  constructor(element, absent) {
    this.element = element;
    this.absent = absent;
    this.optional = element.classList.contains("kind-facts");
    this.body = element.querySelector("[data-body]");
    this.state = element.querySelector("[data-state]");
    this.tbody = element.querySelector("[data-rows]");
    this.most = Number(this.tbody?.dataset.most);
    this.template = element.querySelector("template")?.content.firstElementChild;
    const own = (selector) =>
      [...this.body.querySelectorAll(selector)].filter((e) => !e.closest("[data-rows]"));
    this.fields = own("[data-field]");
    this.bars = own("[data-bar]");
    this.advice = own("[data-advice]");
    this.columns = own("thead [data-column]");
    this.sample = null;
    this.told = null;
    this.failed = false; // whether it could not be drawn
  }

  // What goes wrong with one tile is that tile's: it says so, and shows nothing old as new.
  take(sample) {
    try {
      this.show(sample);
      if (this.failed) this.showStatus(this.told ?? { status: "ok" });
      this.failed = false;
    } catch (error) {
      this.failed = true;
      this.body.hidden = true;
      this.state.hidden = false;
      write(this.state, words("row.failed", { reason: error.message }));
    }
  }

  show(sample) {
    this.sample = sample;
    this.body.hidden = !sample;
    if (!sample) return;
    fillFields(sample, this.fields, this.optional);
    for (const bar of this.bars) fillBar(bar, sample[bar.dataset.bar]);
    for (const element of this.advice) {
      const { advice, unless } = element.dataset;
      element.hidden = sample[advice] !== true || sample[unless] === true;
    }
    if (this.tbody) this.showRows(sample[this.tbody.dataset.rows] ?? []);
    if (!this.told) this.showStatus({ status: "ok" });
  }

  // After a change of units.
  again() {
    if (this.sample) this.take(this.sample);
  }

  showRows(all) {
    const rows = all.slice(0, this.most);
    const leftOut = this.element.querySelector("[data-left-out]");
    leftOut.hidden = all.length === rows.length;
    write(leftOut, words("rows.left_out", { count: all.length - rows.length }));
    const present = new Map([...this.tbody.children].map((row) => [row.dataset.key, row]));
    let position = this.tbody.firstElementChild;
    for (const row of rows) {
      const element = present.get(row.key) ?? this.template.cloneNode(true);
      element.dataset.key = row.key;
      present.delete(row.key);
      if (element === position) position = element.nextElementSibling;
      else this.tbody.insertBefore(element, position);
      fillFields(row, element.querySelectorAll("[data-field]"), false);
      for (const bar of element.querySelectorAll("[data-bar]")) fillBar(bar, row[bar.dataset.bar]);
    }
    for (const gone of present.values()) gone.remove();
    this.foldColumns(rows);
    this.element.querySelector("[data-none]").hidden = rows.length > 0;
    this.tbody.closest("table").hidden = rows.length === 0;
  }

  // A column in which no row has anything to say takes no place.
  foldColumns(rows) {
    for (const head of this.columns) {
      const { column } = head.dataset;
      const empty = rows.every((row) => (row[column] ?? null) === null);
      head.hidden = empty;
      for (const row of this.tbody.children) {
        row.querySelector(`[data-column="${CSS.escape(column)}"]`).hidden = empty;
      }
    }
  }

  showStatus(status) {
    const text = statusWords(status);
    this.element.dataset.status = status.status;
    this.element.hidden = status.status === "unavailable";
    this.state.hidden = !text;
    write(this.state, text);
    if (this.absent) {
      this.absent.hidden = status.status !== "unavailable";
      write(this.absent.querySelector("span"), status.reason ?? "");
    }
  }

  tell(status) {
    this.told = status;
    this.showStatus(status);
  }
}
