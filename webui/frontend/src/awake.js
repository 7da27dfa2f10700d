// Notices that this page, or the whole machine, has been asleep: what then arrives may be of any age.

const SLEPT_SECONDS = 3;

class Awake {
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

// To be asked before anything that comes is taken: after a sleep nothing is known until all has
// been asked for anew. `lose` is told for how many seconds, and what is on its way comes to nothing.
export const waking = (socket, lose) => {
  const awake = new Awake();
  return () => {
    const slept = awake.slept();
    if (!slept) return;
    lose(slept);
    if (socket.connected) socket.io.engine.close();
  };
};
