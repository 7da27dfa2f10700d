// Small things that several modules do with the page.

export const write = (element, text) => {
  if (element && element.textContent !== text) element.textContent = text;
};

export const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// A colour, or any other value, of the style sheet as it is now. To ask the browser is dear, and
// the answer changes with the colour scheme alone.
const asked = new Map();
globalThis.addEventListener?.("themechange", () => asked.clear());

export const css = (name) => {
  if (!asked.has(name)) {
    const style = getComputedStyle(document.documentElement);
    asked.set(name, style.getPropertyValue(name).trim());
  }
  return asked.get(name);
};

const PAINT_LATEST = 200; // milliseconds

// Once the page has been painted, which a page that nobody looks at never is.
export const painted = () =>
  new Promise((done) => {
    requestAnimationFrame(() => setTimeout(done));
    setTimeout(done, PAINT_LATEST);
  });
