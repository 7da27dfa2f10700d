// Connects the page to the web process: snapshot, then frames; again after every interruption.

import { io } from "socket.io-client";
import { followFleet } from "./fleet.js";
import { Host } from "./host.js";
import { switchTheme } from "./preferences.js";

const HISTORY_SECONDS = 300;
const RECONNECT_AFTER_SECONDS = 6;
const { root, build, charts } = document.body.dataset;
const base = new URL(root || "./", location.href);
const mainElement = () => document.getElementById("main");

const socket = io({
  path: `${base.pathname}socket.io/`,
  transports: ["websocket", "polling"],
  tryAllTransports: true,
  upgrade: false,
  timeout: 4000,
  reconnectionDelay: 300,
  reconnectionDelayMax: 2000,
});

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

// Refused, it may be for want of a session; whether it is so, only a page's address tells.
socket.on("connect_error", async () => {
  const response = await fetch(location.href, { method: "HEAD" }).catch(() => null);
  if (response?.redirected) leave();
});

// A newer front end than the one that runs here. The server has just answered, so it is there.
const isOutdated = (answer) => answer.build !== undefined && answer.build !== build;

const followHost = () => {
  let host = new Host(mainElement());
  let filling = 0;
  let reconnected = performance.now();

  const start = async (snapshot) => {
    if (snapshot.error || isOutdated(snapshot)) return location.reload();
    const { page, refused } = mainElement().dataset;
    if ((snapshot.page ?? "") !== page || String(snapshot.refused) !== refused) {
      if (!(await redraw())) return undefined;
      host = new Host(mainElement());
    }
    host.snapshot(snapshot);
    if (host.link === "live") fillCharts();
    return undefined;
  };

  // History for the charts, whose code is a bundle of its own: the figures are live without it.
  // Asked again until it comes, as long as the link is up.
  const fillCharts = (delay = 30) => {
    clearTimeout(filling);
    filling = setTimeout(async () => {
      try {
        const wanted = host;
        if (!wanted.plan.some((metric) => metric.charts.length)) return;
        const { Charts } = await import(new URL(charts, base));
        wanted.charts ??= new Charts(wanted.plan, HISTORY_SECONDS);
        const key = encodeURIComponent(mainElement().dataset.follow);
        const response = await fetch(
          new URL(`api/host/${key}/history?seconds=${HISTORY_SECONDS}`, base),
        );
        if (!response.ok) throw new Error(`no history: ${response.status}`);
        wanted.charts.fill((await response.json()).series, wanted.now / 1000);
      } catch {
        if (socket.connected && host.link === "live") fillCharts(2000);
      }
    }, delay);
  };

  const follow = () => socket.emit("follow", mainElement().dataset.follow, start);
  socket.on("connect", follow);
  socket.on("snapshot", start);
  socket.on("frame", (frame) => host.frame(frame));
  socket.on("link", (link) => {
    const before = host.link;
    host.setLink(link);
    if (link.status === "live" && before !== "live") fillCharts();
  });

  const check = () => {
    const link = host.judge();
    // Silence without a word of why: the connection may be dead without having been closed.
    const since = (performance.now() - reconnected) / 1000;
    const long = Math.min(host.silent, since) > RECONNECT_AFTER_SECONDS;
    if (link === "stale" && host.link === "live" && socket.connected && long) {
      reconnected = performance.now();
      socket.io.engine.close();
    }
  };
  setInterval(check, 250);
  document.addEventListener("visibilitychange", check);
};

switchTheme(document.getElementById("theme"), () => dispatchEvent(new Event("themechange")));
document.getElementById("zone").textContent =
  `Times in ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
if (mainElement().dataset.follow) followHost();
else if (mainElement().dataset.fleet) followFleet(socket, { redraw, isOutdated });
