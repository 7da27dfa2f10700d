// What the reader has chosen, remembered in cookies of this address: the server draws with them
// too, so that nothing flickers. A browser that keeps none forgets the choice, no more.

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

const THEMES = ["auto", "light", "dark"];

// A button that goes through the colour schemes; `changed` is told when another is shown.
export const switchTheme = (button, changed) => {
  const root = document.documentElement;
  const label = button.querySelector("span");
  const show = (theme) => {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    button.dataset.theme = theme;
    label.textContent = button.dataset[`label${theme[0].toUpperCase()}${theme.slice(1)}`];
  };
  show(THEMES.includes(recall("theme")) ? recall("theme") : "auto");
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = THEMES[(THEMES.indexOf(button.dataset.theme) + 1) % THEMES.length];
    remember("theme", next === "auto" ? null : next);
    show(next);
    changed();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
};
