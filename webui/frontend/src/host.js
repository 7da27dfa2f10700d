// One host's page: applies what comes to what the server has drawn, and judges its freshness.

import { Card } from "./cards.js";
import { Skew } from "./clock.js";
import { write } from "./elements.js";
import { Problems } from "./problems.js";
import { recordLine } from "./record.js";
import { clock, dateAndClock, formatNumber } from "./units.js";
import { coverage, judge, showVerdict } from "./verdict.js";
import { words } from "./words.js";

const STALE_AFTER_SECONDS = 3;
const ONSET_SECONDS = [120, 180]; // before and after a problem's beginning
const STATUS_PATH = "collector.metrics.";

const at = (state, path) => path.split(".").reduce((node, key) => node?.[key], state);

// The verdict that the server has drawn, until more is known than its words.
const drawnHealth = () => {
  const heading = document.getElementById("verdict");
  return { status: heading.dataset.status, summary: heading.querySelector(".reason").textContent };
};

export class Host {
  constructor(main) {
    this.main = main;
    this.name = main.dataset.host;
    this.link = main.dataset.link;
    this.heard = performance.now() - Number(main.dataset.silent) * 1000;
    this.now = new Date();
    this.replay = false; // whether a recording is played
    this.health = this.shown = drawnHealth(); // as said, and with the figures of now
    this.told = false; // until then the page is as the server has drawn it
    this.charts = null;
    this.skew = new Skew();
    for (const time of main.querySelectorAll("time")) write(time, dateAndClock(new Date(time.dateTime)));
    const plan = document.getElementById("plan");
    this.plan = plan ? JSON.parse(plan.textContent) : { ranges: [], metrics: [] };
    const absent = new Map(
      [...main.querySelectorAll("[data-absent]")].map((e) => [e.dataset.absent, e]),
    );
    this.cards = new Map(
      [...main.querySelectorAll("[data-metric]")].map((element) => {
        const name = element.dataset.metric;
        return [name, new Card(element, absent.get(name))];
      }),
    );
    this.plans = new Map(this.plan.metrics.map((metric) => [metric.name, metric]));
    this.byState = new Map(this.plan.metrics.map((m) => [m.state, this.cards.get(m.name)]));
    this.problems = new Problems(
      (name) => ({ plan: this.plans.get(name), sample: this.cards.get(name)?.sample }),
      (time) => this.showOnset(time),
    );
  }

  // The whole state, on every start and every new start.
  snapshot({ host, link, state, time, replay }) {
    this.replay = replay;
    this.told = true;
    document.getElementById("lost").hidden = true;
    if (host) this.name = host;
    if (time) this.now = new Date(time);
    write(document.getElementById("host"), this.name);
    this.health = state.health ?? null;
    this.setLink(link);
    for (const [path, card] of this.byState) card?.take(at(state, path));
    for (const [name, card] of this.cards) {
      const status = at(state, `${STATUS_PATH}${name}`);
      if (status) card.tell(status);
    }
    this.showRecord(state.collector?.self);
    this.showHealth();
  }

  frame({ time, events, replay }) {
    this.link = "live";
    this.replay = replay;
    this.now = new Date(time);
    if (!replay) this.skew.add(this.now.getTime(), Date.now()); // a recording's time is past
    for (const [path, data, own] of events) this.apply(path, data, own ?? time);
    if (this.health?.problems?.length) this.showHealth();
    this.charts?.draw(this.now / 1000);
    this.beat();
    this.heard = performance.now(); // only now: what could not be drawn is not fresh
    this.judge();
  }

  apply(path, data, time) {
    if (path === "health") {
      this.health = data;
      this.showHealth();
    } else if (path.startsWith(STATUS_PATH)) {
      if (data) this.cards.get(path.slice(STATUS_PATH.length))?.tell(data);
    } else if (path === "collector.self") {
      this.showRecord(data);
    } else if (this.byState.has(path)) {
      this.byState.get(path)?.take(data);
      this.charts?.add(path, data, new Date(time) / 1000);
    }
  }

  setLink({ status, silent_seconds: silent }) {
    this.link = status;
    this.heard = performance.now() - silent * 1000;
    this.judge();
  }

  // Nothing that is shown has been checked for that many seconds.
  lose(seconds) {
    this.heard = performance.now() - seconds * 1000;
    this.judge();
  }

  // The server has begun anew and has not seen the host that is shown here: of it this page alone
  // knows, and goes on to show it as what it is, past.
  orphan({ since }) {
    this.link = "stale";
    const notice = document.getElementById("lost");
    notice.hidden = false;
    write(notice, words("lost", { time: dateAndClock(new Date(since)) }));
    this.judge();
  }

  // In the charts' place: why there are none. Without a reason there are.
  missCharts(reason) {
    const place = document.getElementById("no-charts");
    if (!place) return;
    place.hidden = !reason;
    if (reason) document.getElementById("charts").hidden = true;
    if (reason) write(place, words("charts.none", { reason }));
  }

  showRecord(told) {
    const line = recordLine(told?.record);
    const foot = document.getElementById("record");
    foot.hidden = !line;
    write(foot, line);
  }

  showHealth() {
    write(document.getElementById("coverage"), coverage(this.health?.checks));
    const all = this.health?.problems ?? [];
    const problems = this.problems.asOfNow(all);
    this.problems.show(problems, this.now);
    this.shown = this.health && { ...this.health, problems: [...problems, ...all.slice(problems.length)] };
    this.judge();
  }

  showOnset(time) {
    const [before, after] = ONSET_SECONDS;
    this.charts?.window.set(time - before, time + after);
    const smooth = matchMedia("(prefers-reduced-motion: no-preference)").matches;
    const section = document.getElementById("charts");
    section.scrollIntoView({ behavior: smooth ? "smooth" : "instant" });
    section.querySelector("button").focus({ preventScroll: true });
  }

  // After a change of units.
  again() {
    for (const card of this.cards.values()) card.again();
    this.charts?.forget();
    if (this.told) this.showHealth();
  }

  // The second hand, and what it is worth.
  beat() {
    document.getElementById("beat").style.transform = `rotate(${this.now.getSeconds() * 6}deg)`;
    const { seconds } = this.skew;
    const notice = document.getElementById("clock");
    notice.hidden = !seconds;
    if (!seconds) return;
    const long = formatNumber(Math.round(Math.abs(seconds)), "seconds").replace(/\.\d+/, "");
    write(notice, words(seconds > 0 ? "clock.ahead" : "clock.behind", { long }));
  }

  get silent() {
    return (performance.now() - this.heard) / 1000;
  }

  // Not from the socket's state: from when data last came.
  judge() {
    const seen = this.main.dataset.page !== "";
    const silent = this.silent;
    const stale = seen && (this.link === "stale" || silent > STALE_AFTER_SECONDS);
    const link = !seen ? "connecting" : stale ? "stale" : "live";
    if (link === "live" && !this.told) return link;
    this.main.classList.toggle("stale", stale);
    const label = document.getElementById("link");
    const time = this.replay ? dateAndClock(this.now, true) : clock(this.now, true);
    const key = link === "live" && this.replay ? "replay" : link;
    write(label, words(`link.${key}`, { time, seconds: Math.floor(silent) }));
    label.parentElement.dataset.status = link;
    const { cause } = this.main.dataset;
    const away = ["refused", "faulty"].includes(cause);
    const verdict = judge(away ? cause : link, silent, this.shown);
    showVerdict(verdict, this.name);
    return link;
  }
}
