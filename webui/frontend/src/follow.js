// Follows one host: snapshot, then frames; history for its charts; again after every interruption.

import { waking } from "./awake.js";
import { Host } from "./host.js";
import { switchRates } from "./preferences.js";
import { offerWall } from "./wall.js";
import { words } from "./words.js";

const RECONNECT_AFTER_SECONDS = 6;
// Milliseconds. The figures go first: charts are asked for after the first frame.
const CHARTS_DELAY = 30;
const CHARTS_LATEST = 2000;
const CHARTS_AGAIN = 2000;
const ASK_AGAIN = 1000;

const main = () => document.getElementById("main");

// `page` has what is common to all pages: base, charts (the address of their code), redraw and
// isOutdated.
export const followHost = (socket, page) => {
  let host = new Host(main());
  let former = null; // charts of a page that another one has replaced
  let filling = 0;
  let framed = false;
  let reconnected = performance.now();
  let current = false; // whether what comes goes on from what is shown
  const wake = waking(socket, (slept) => {
    current = false;
    host.lose(slept);
  });

  const start = async (snapshot) => {
    if (snapshot.error || page.isOutdated(snapshot)) return location.reload();
    const { page: drawn, cause } = main().dataset;
    if (drawn && !snapshot.page && snapshot.cause !== "refused") return host.orphan(snapshot);
    if ((snapshot.page ?? "") !== drawn || snapshot.cause !== cause) {
      if (!(await page.redraw())) return setTimeout(ask, ASK_AGAIN);
      former = host.charts ?? former;
      host.charts?.close();
      host = new Host(main());
    }
    host.snapshot(snapshot);
    current = true;
    if (host.link === "live") fillCharts(framed ? CHARTS_DELAY : CHARTS_LATEST);
    else if (!host.charts) host.missCharts(words("charts.silent"));
    return undefined;
  };

  const history = async (query) => {
    const key = encodeURIComponent(main().dataset.follow);
    const address = new URL(`api/v1/hosts/${key}/history`, page.base);
    address.search = new URLSearchParams(query);
    const response = await fetch(address, { headers: { "X-Requested-With": "fetch" } });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.message ?? response.statusText);
    return answer;
  };

  // The charts' code is a bundle of its own. Asked again until it comes, as long as the link is up.
  const fillCharts = (delay = CHARTS_DELAY) => {
    clearTimeout(filling);
    filling = setTimeout(async () => {
      try {
        const wanted = host;
        if (!wanted.plan.metrics.some((metric) => metric.charts.length + metric.traced.length)) return;
        const { Charts } = await import(new URL(page.charts, page.base));
        wanted.charts ??= new Charts(wanted.plan, history, former);
        former = null;
        await wanted.charts.refill(wanted.now / 1000);
        wanted.missCharts("");
      } catch (error) {
        if (!host.charts) host.missCharts(error.message);
        if (socket.connected && host.link === "live") fillCharts(CHARTS_AGAIN);
      }
    }, delay);
  };

  const ask = () => socket.connected && socket.emit("follow", main().dataset.follow, start);
  socket.on("connect", ask);
  socket.on("snapshot", start);
  socket.on("disconnect", () => { current = false; });
  socket.on("frame", (frame) => {
    wake();
    if (current) host.frame(frame);
    if (!framed) fillCharts();
    framed = true;
  });
  socket.on("link", (link) => {
    wake();
    if (!current) return;
    const before = host.link;
    host.setLink(link);
    if (link.status === "live" && before !== "live") fillCharts();
  });

  const check = () => {
    wake();
    const link = host.judge();
    // Silence without a word of why: the connection may be dead without having been closed.
    const since = (performance.now() - reconnected) / 1000;
    const long = Math.min(host.silent, since) > RECONNECT_AFTER_SECONDS;
    if (link === "stale" && host.link === "live" && socket.connected && long) {
      reconnected = performance.now();
      socket.io.engine.close();
    }
  };
  setInterval(check, 500);
  document.addEventListener("visibilitychange", check);
  switchRates(document.getElementById("rates"), () => host.again());
  offerWall(document.getElementById("wall"));
};
