// What the reader has chosen, remembered in cookies of this address: the server draws with them
// too, so that nothing flickers. A browser that keeps none forgets the choice, no more.

import { words } from "./words.js";

const YEAR_SECONDS = 31536000;
const base = new URL(document.body.dataset.root || "./", location.href);

export const recall = (name) => {
  try {
    return document.cookie.match(`(?:^|; )health-${name}=([a-z]+)`)?.[1] ?? null;
  } catch {
    return null;
  }
};

// `value` null forgets it.
export const remember = (name, value) => {
  const age = value === null ? 0 : YEAR_SECONDS;
  try {
    document.cookie = `health-${name}=${value}; path=${base.pathname}; max-age=${age}; samesite=lax`;
  } catch {
    // Cookies are not allowed here.
  }
};

// A button that goes through `values`, the first of which is what it is without a choice. What was
// chosen before, the server has drawn.
const cycle = (button, name, values, chosen) => {
  const show = (value) => {
    button.dataset.value = value;
    button.querySelector("span").textContent = words(`${name}.${value}`);
  };
  show(values.includes(recall(name)) ? recall(name) : values[0]);
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = values[(values.indexOf(button.dataset.value) + 1) % values.length];
    remember(name, next === values[0] ? null : next);
    show(next);
    chosen(next);
  });
};

// `changed` is told when another scheme is shown.
export const switchTheme = (button, changed) => {
  const root = document.documentElement;
  cycle(button, "theme", ["auto", "light", "dark"], (theme) => {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    changed();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
};

// Network rates in bytes or bits.
export const switchRates = (button, changed) => {
  cycle(button, "rates", ["bytes", "bits"], (rates) => {
    document.documentElement.dataset.rates = rates;
    changed();
  });
};
