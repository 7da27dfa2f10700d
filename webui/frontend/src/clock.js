// The difference between the machine's clock and the reader's.

const TOLERATED_SECONDS = 5;
const REMEMBERED = 10;

export class Skew {
  constructor() {
    this.differences = [];
  }

  // Of a frame that the machine sent at `theirs` and that is here at `ours`, in milliseconds.
  // What a frame takes to get here makes the machine's clock look late: the least late is nearest
  // to the truth.
  add(theirs, ours) {
    this.differences = [...this.differences, (theirs - ours) / 1000].slice(-REMEMBERED);
  }

  // Seconds that the machine's clock is ahead; 0 while that could be the way here, or is not known.
  get seconds() {
    if (!this.differences.length) return 0;
    const least = Math.max(...this.differences);
    return Math.abs(least) > TOLERATED_SECONDS ? least : 0;
  }
}
