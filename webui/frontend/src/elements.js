// Small things that several modules do with the page.

export const write = (element, text) => {
  if (element && element.textContent !== text) element.textContent = text;
};

export const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// A colour, or any other value, of the style sheet as it is now.
export const css = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();
