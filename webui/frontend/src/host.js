// One host's page: applies what comes to what the server has drawn, and judges its freshness.

import { Card, write } from "./cards.js";
import { clock } from "./units.js";
import { judge, showProblems, showVerdict } from "./verdict.js";

const STALE_AFTER_SECONDS = 3;
const STATUS_PATH = "collector.metrics.";

const at = (state, path) => path.split(".").reduce((node, key) => node?.[key], state);

export class Host {
  constructor(main) {
    this.main = main;
    this.name = main.dataset.host;
    this.link = main.dataset.link;
    this.heard = performance.now() - Number(main.dataset.silent) * 1000;
    this.now = new Date();
    this.health = null;
    this.charts = null;
    const plan = document.getElementById("plan");
    this.plan = plan ? JSON.parse(plan.textContent) : [];
    const absent = new Map(
      [...main.querySelectorAll("[data-absent]")].map((e) => [e.dataset.absent, e]),
    );
    const cards = new Map(
      [...main.querySelectorAll("[data-metric]")].map((element) => {
        const name = element.dataset.metric;
        return [name, new Card(element, absent.get(name))];
      }),
    );
    this.cards = cards;
    this.byState = new Map(this.plan.map((metric) => [metric.state, cards.get(metric.name)]));
    this.units = (name, field) => this.plan.find((m) => m.name === name)?.units[field];
  }

  // The whole state, on every start and every new start.
  snapshot({ host, link, state }) {
    if (host) this.name = host;
    write(document.getElementById("host"), this.name);
    this.setLink(link);
    for (const [path, card] of this.byState) card?.show(at(state, path));
    for (const [name, card] of this.cards) {
      const status = at(state, `${STATUS_PATH}${name}`);
      if (status) card.tell(status);
    }
    this.health = state.health ?? null;
    this.showHealth();
  }

  frame({ time, events }) {
    this.heard = performance.now();
    this.link = "live";
    this.now = new Date(time);
    for (const [path, data, own] of events) this.apply(path, data, own ?? time);
    if (this.health?.problems?.length) this.showHealth();
    this.charts?.draw(this.now / 1000);
    document.getElementById("beat").style.transform = `rotate(${this.now.getSeconds() * 6}deg)`;
    this.judge();
  }

  apply(path, data, time) {
    if (path === "health") {
      this.health = data;
      this.showHealth();
    } else if (path.startsWith(STATUS_PATH)) {
      if (data) this.cards.get(path.slice(STATUS_PATH.length))?.tell(data);
    } else if (this.byState.has(path)) {
      this.byState.get(path)?.show(data);
      this.charts?.add(path, data, new Date(time) / 1000);
    }
  }

  setLink({ status, silent_seconds: silent }) {
    this.link = status;
    this.heard = performance.now() - silent * 1000;
    this.judge();
  }

  showHealth() {
    showProblems(this.health, this.units, this.now);
    this.judge();
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
    this.main.classList.toggle("stale", stale);
    const words = { connecting: "Connecting", live: `Live ${clock(this.now, true)}` };
    const label = document.getElementById("link");
    write(label, words[link] ?? `No data for ${Math.floor(silent)} s`);
    label.parentElement.dataset.status = link;
    const refused = link === "connecting" && this.main.dataset.refused === "true";
    const verdict = judge(refused ? "refused" : link, silent, this.health);
    showVerdict(verdict, this.name);
    return link;
  }
}
