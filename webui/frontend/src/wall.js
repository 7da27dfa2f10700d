// The page on a wall: full screen, dark, large; it keeps the screen awake and itself from burning in.

import { words } from "./words.js";

const SHIFT_SECONDS = 60;
const SHIFTS = [[0, 0], [3, 1], [5, 4], [2, 6], [-2, 5], [-4, 2], [-3, -2], [1, -3]]; // pixels
const DIM_MINUTES = 30; // until it is as dim as it gets
const ROOMY = 1600; // pixels wide
const DIMMEST = 0.65;

export const offerWall = (button) => {
  const root = document.documentElement;
  const label = button.querySelector("span");
  let lock = null;
  let timer = 0;
  let begun = 0;

  const stayAwake = async () => {
    try {
      lock = await navigator.wakeLock?.request("screen");
    } catch {
      lock = null; // not allowed here: the screen follows its own rules
    }
  };

  // A wall has charts where these fit below all the rest.
  const fit = () => {
    const charts = document.getElementById("charts");
    root.classList.toggle("roomy", innerWidth >= ROOMY && charts?.hidden === false);
    const low = root.classList.contains("roomy") && charts.offsetTop + charts.offsetHeight > innerHeight;
    if (low) root.classList.remove("roomy");
  };

  // What is wrong is not dimmed.
  const spare = () => {
    const minutes = (performance.now() - begun) / 60000;
    const calm = document.getElementById("verdict").dataset.status === "healthy";
    const light = calm ? 1 - (1 - DIMMEST) * Math.min(minutes / DIM_MINUTES, 1) : 1;
    const [x, y] = SHIFTS[Math.floor(minutes * (60 / SHIFT_SECONDS)) % SHIFTS.length];
    document.body.style.transform = `translate(${x}px, ${y}px)`;
    document.body.style.opacity = String(light);
    fit();
  };

  const turn = (on) => {
    root.classList.toggle("wall", on);
    button.setAttribute("aria-pressed", String(on));
    label.textContent = words(on ? "wall.leave" : "wall");
    root.classList.remove("roomy");
    clearInterval(timer);
    begun = performance.now();
    if (on) {
      timer = setInterval(spare, 1000);
      stayAwake();
    } else {
      lock?.release();
      lock = null;
      document.body.style.transform = document.body.style.opacity = "";
      if (document.fullscreenElement) document.exitFullscreen();
    }
    dispatchEvent(new Event("themechange"));
  };

  const toggle = () => {
    const on = !root.classList.contains("wall");
    // Without full screen it is a wall nevertheless.
    if (on) root.requestFullscreen?.().catch(() => {});
    turn(on);
  };

  turn(new URLSearchParams(location.search).has("wall"));
  button.hidden = false;
  button.addEventListener("click", toggle);
  for (const kind of ["pointermove", "keydown"]) {
    addEventListener(kind, () => {
      begun = performance.now();
    });
  }
  // Full screen ends by that key by itself; a wall without it does so too. No letter does anything:
  // who speaks to the machine instead of typing would do it unawares.
  addEventListener("keydown", ({ key }) => {
    if (key === "Escape" && root.classList.contains("wall")) turn(false);
  });
  document.addEventListener("fullscreenchange", () => {
    if (!document.fullscreenElement && root.classList.contains("wall")) turn(false);
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && root.classList.contains("wall")) stayAwake();
  });
};
