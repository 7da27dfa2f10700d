// What stands on the page's foot of the collector's record, as pages/record.py.

import { formatNumber } from "./units.js";
import { words } from "./words.js";

const bytes = (value) => (Number.isFinite(value) ? formatNumber(value, "bytes") : "");
const day = (value) => (/^\d{4}-\d{2}-\d{2}$/.test(value) ? value : "");

export const recordLine = (told) => {
  const [kept, since] = [bytes(told?.kept_bytes), day(told?.kept_since)];
  if (!kept || !since) return "";
  const written = bytes(told.written_bytes_per_day);
  const full = day(told.full_on);
  return [
    words("record", { kept, since }),
    ...(written ? [words("record.a_day", { written })] : []),
    ...(full ? [words("record.full", { day: full })] : []),
  ].join(", ");
};
