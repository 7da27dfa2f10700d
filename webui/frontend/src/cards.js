// Writes new values into the cards that the server has drawn.

import { format } from "./units.js";

const STATES = {
  waiting: "Waiting for the first sample",
  unavailable: "Not available here",
  denied: "Permission denied",
  failing: "Failing",
};

export const write = (element, text) => {
  if (element && element.textContent !== text) element.textContent = text;
};

const statusWords = ({ status, reason }) => {
  const words = STATES[status] ?? "";
  return words && reason ? `${words}: ${reason}` : words;
};

const fillBar = (bar, value) => {
  const width = typeof value === "number" ? Math.min(Math.max(value, 0), 100) : 0;
  const { warning, critical } = bar.dataset;
  const level =
    critical !== undefined && width >= Number(critical) ? "critical"
    : warning !== undefined && width >= Number(warning) ? "warning"
    : "";
  bar.firstElementChild.setAttribute("width", `${width}%`);
  bar.setAttribute("class", `bar ${level}`);
};

// Every field within `scope` that is not within rows of its own.
const fillFields = (scope, data, elements) => {
  for (const element of elements) {
    const { field, form } = element.dataset;
    const text = format(data[field], form);
    const cell = element.closest("td") ?? element;
    const missing = text === null;
    if (missing && form === "text") {
      const line = element.closest("[data-line]");
      if (line && !scope.classList.contains("kind-facts")) line.hidden = true;
      write(element, element.closest("td") ? "" : "not known");
    } else {
      const line = element.closest("[data-line]");
      if (line) line.hidden = false;
      write(element, text ?? "not known");
    }
    cell.classList.toggle("unknown", missing);
    const flag = element.closest("[data-flag]");
    if (flag) flag.dataset.raised = text ?? "not known";
  }
};

export class Card {
  constructor(element, absent) {
    this.element = element;
    this.absent = absent;
    this.body = element.querySelector("[data-body]");
    this.state = element.querySelector("[data-state]");
    this.tbody = element.querySelector("[data-rows]");
    this.template = element.querySelector("template")?.content.firstElementChild;
    this.fields = [...this.body.querySelectorAll("[data-field]")].filter((f) => !f.closest("tbody"));
    this.bars = [...this.body.querySelectorAll("[data-bar]")].filter((b) => !b.closest("tbody"));
    this.told = null;
  }

  show(sample) {
    this.body.hidden = !sample;
    if (!sample) return;
    fillFields(this.element, sample, this.fields);
    for (const bar of this.bars) fillBar(bar, sample[bar.dataset.bar]);
    if (this.tbody) this.showRows(sample[this.tbody.dataset.rows] ?? []);
    if (!this.told) this.showStatus({ status: "ok" });
  }

  showRows(rows) {
    const present = new Map([...this.tbody.children].map((row) => [row.dataset.key, row]));
    let position = this.tbody.firstElementChild;
    for (const row of rows) {
      const element = present.get(row.key) ?? this.template.cloneNode(true);
      element.dataset.key = row.key;
      present.delete(row.key);
      if (element === position) position = element.nextElementSibling;
      else this.tbody.insertBefore(element, position);
      fillFields(this.element, row, element.querySelectorAll("[data-field]"));
      for (const bar of element.querySelectorAll("[data-bar]")) fillBar(bar, row[bar.dataset.bar]);
    }
    for (const gone of present.values()) gone.remove();
    const none = this.element.querySelector("[data-none]");
    if (none) none.hidden = rows.length > 0;
  }

  showStatus(status) {
    const words = statusWords(status);
    this.element.dataset.status = status.status;
    this.element.hidden = status.status === "unavailable";
    this.state.hidden = !words;
    write(this.state, words);
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
