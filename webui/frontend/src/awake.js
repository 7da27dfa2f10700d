// Notices that this page, or the whole machine, has been asleep: what then arrives may be of any age.

const SLEPT_SECONDS = 3;

export class Awake {
  constructor() {
    this.note();
  }

  note() {
    this.ran = performance.now();
    this.clock = Date.now();
  }

  // For how long nothing of the page has run, by either clock: one of them stands still while the
  // machine sleeps. 0 for what is no sleep. A reader who sets the clock is taken for one who slept.
  slept() {
    const passed = Math.max(performance.now() - this.ran, Date.now() - this.clock) / 1000;
    this.note();
    return passed > SLEPT_SECONDS ? passed : 0;
  }
}
