// A chart's legend: each line's mark, name and value; of many lines the first, or the highest.

import { words } from "./words.js";
import { make, write } from "./elements.js";

const MOST = 8;

export class Legend {
  // `list`: its place, where the server has drawn the names that it knew.
  constructor(list) {
    this.list = list;
    this.more = make("button", { type: "button", hidden: true });
    this.more.addEventListener("click", () => this.fold(!this.folded));
    list.after(this.more);
    this.items = [];
    this.folded = true;
  }

  // `highestOnly`: the picture tells the lines apart, the legend only names the highest.
  set(lines, colours, highestOnly) {
    this.lines = lines;
    this.highestOnly = highestOnly;
    const shown = highestOnly ? [{ label: words("chart.highest") }] : lines;
    this.items = shown.map(({ label, dash }, i) => {
      const mark = make("i", { className: dash ? "dashed" : "" });
      mark.style.setProperty("border-color", colours[i]);
      const name = make("span", { textContent: label });
      const value = make("b");
      const item = make("li", {}, ...(highestOnly ? [] : [mark]), name, value);
      return { item, name, value };
    });
    this.list.replaceChildren(...this.items.map(({ item }) => item));
    this.fold(this.folded);
  }

  fold(folded) {
    this.folded = folded;
    const hidden = this.items.length - MOST;
    this.more.hidden = hidden <= 0;
    this.more.setAttribute("aria-expanded", String(!folded));
    this.more.textContent = words(folded ? "chart.more" : "chart.fewer", { count: hidden });
    this.items.forEach(({ item }, i) => (item.hidden = folded && hidden > 0 && i >= MOST));
  }

  // A value for each line, null where it is not known.
  values(values, text) {
    if (!this.highestOnly) {
      this.items.forEach(({ value }, i) => write(value, text(values[i])));
      return;
    }
    let best = -1;
    values.forEach((value, i) => {
      if (typeof value === "number" && (best < 0 || value > values[best])) best = i;
    });
    const [{ value }] = this.items;
    write(value, best < 0 ? text(null) : `${this.lines[best].label} ${text(values[best])}`);
  }
}
