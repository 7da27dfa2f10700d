// Connects the page to the web process: snapshot, then frames; again after every interruption.

import { io } from "socket.io-client";
import { painted, write } from "./elements.js";
import { followFleet } from "./fleet.js";
import { followHost } from "./follow.js";
import { switchTheme } from "./preferences.js";
import { offset } from "./units.js";
import { words } from "./words.js";

const { root, build, charts } = document.body.dataset;
const base = new URL(root || "./", location.href);
const mainElement = () => document.getElementById("main");

// An error of this page's own is said on it: what is shown may be wrong from then on.
const confess = (error) => {
  const place = document.getElementById("failed");
  place.hidden = false;
  write(place, words("page.failed", { reason: String(error?.message ?? error) }));
};
addEventListener("error", ({ error, message }) => confess(error ?? message));
addEventListener("unhandledrejection", ({ reason }) => confess(reason));

// The session has ended: the server shows the login in place of this page.
const leave = () => {
  location.reload();
  return false;
};

// The page as the server draws it now, in place of the one that is shown; false if it cannot be
// had, which the next connection mends.
const redraw = async () => {
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response.redirected) return leave();
    const drawn = new DOMParser().parseFromString(await response.text(), "text/html");
    mainElement().replaceWith(document.adoptNode(drawn.getElementById("main")));
    return true;
  } catch {
    return false;
  }
};

// Only where there is something to follow: a login or an error is all that there is.
const connect = () => {
  const socket = io({
    path: `${base.pathname}socket.io/`,
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    upgrade: false,
    timeout: 4000,
    reconnectionDelay: 300,
    reconnectionDelayMax: 2000,
  });
  // Refused, it may be for want of a session; whether it is so, only a page's address tells.
  socket.on("connect_error", async () => {
    const response = await fetch(location.href, { method: "HEAD" }).catch(() => null);
    if (response?.redirected) leave();
  });
  return socket;
};

// A newer front end than the one that runs here. The server has just answered, so it is there.
const isOutdated = (answer) => answer.build !== undefined && answer.build !== build;

await painted();
document.body.classList.add("painted"); // what is drawn from now on comes at once
switchTheme(document.getElementById("theme"), () => dispatchEvent(new Event("themechange")));
document.getElementById("zone").textContent = words("zone", {
  zone: offset(new Date()),
});
const { follow, fleet } = mainElement().dataset;
if (follow) followHost(connect(), { base, charts, redraw, isOutdated });
else if (fleet) followFleet(connect(), { redraw, isOutdated });
