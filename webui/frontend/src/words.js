// The words that people read; the page brings them along, from health_webui/words.json.

const element = globalThis.document?.getElementById("words");
const table = { __proto__: null, ...(element ? JSON.parse(element.textContent) : {}) };

export const words = (key, values = {}) =>
  (table[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
