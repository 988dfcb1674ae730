/** The bar, the four stages, the title and the clock of a running scan. */

import * as texts from "/web/texts.js";

const $ = (id) => document.getElementById(id);

const STAGES = ["scan", "analyze", "answer", "complete"];
/** Where a step's share of the bar begins and ends, and how long it usually takes. */
const SHARES = {
  loading: { from: 0, to: 0, seconds: 1 },
  waiting: { from: 0, to: 0, seconds: 1 },
  uploading: { from: 0, to: 2, seconds: 2 },
  pending: { from: 0, to: 6, seconds: 4 },
  scan: { from: 0, to: 33, seconds: 3.5 },
  analyze: { from: 33, to: 66, seconds: 1 },
  answer: { from: 66, to: 99, seconds: 7 },
  complete: { from: 100, to: 100, seconds: 1 },
};
const SLOW_SECONDS = 30;
const TICK_MS = 200;
/** Some steps take a hundredth of a second. A stage stays in sight this long, so that people see the way it went. */
const STAGE_MS = 400;

let step = "pending";
let stepSince = 0;
let progress = 0;
/** How far the bar has come, in per cent: it never goes back. */
let painted = 0;
let offline = false;
let wantedStage = -1;
let shownStage = -1;
let stageTimer = null;

/**
 * Starts anew. `startedAt` (ms since 1970) is null when it is not known; `seconds` is what the scan has taken, if it is
 * known to be over. Returns what stops the clock.
 */
export function startProgress({ startedAt, seconds = null }) {
  clearTimeout(stageTimer);
  stageTimer = null;
  wantedStage = shownStage = -1;
  offline = false;
  step = null;
  painted = 0;
  showProgress({ step: "pending", progress: 0 });
  paintStages();
  const tick = () => {
    const passed = seconds ?? (startedAt === null ? null : secondsSince(startedAt));
    $("elapsed").textContent = passed === null ? "" : texts.result.elapsed(passed);
    showNotice(offline ? texts.notices.offline : passed >= SLOW_SECONDS ? texts.notices.slow : "");
    paintBar();
  };
  tick();
  const timer = setInterval(tick, TICK_MS);
  return () => {
    clearInterval(timer);
    showNotice("");
  };
}

/** Whole seconds since a time in ms since 1970. */
export function secondsSince(time) {
  return Math.max(0, Math.round((Date.now() - time) / 1000));
}

/** Shows a status' step and progress. */
export function showProgress(status) {
  if (status.step !== step) {
    step = status.step;
    stepSince = performance.now();
    showStage(STAGES.indexOf(step));
  }
  progress = status.progress;
  $("bar").setAttribute("aria-valuenow", String(progress));
  $("bar").setAttribute("aria-valuetext", `${progress}% · ${texts.steps[step]}`);
  paintBar();
}

/** Says that the connection is lost, or that it is back. */
export function showConnection(isThere) {
  offline = !isThere;
}

function showStage(stage) {
  wantedStage = stage;
  if (stage < 0) return announce(step);
  if (shownStage < 0) shownStage = stage - 1;
  if (stageTimer === null) nextStage();
}

function nextStage() {
  if (shownStage >= wantedStage) {
    stageTimer = null;
    return;
  }
  shownStage += 1;
  announce(STAGES[shownStage]);
  paintStages();
  stageTimer = setTimeout(nextStage, STAGE_MS);
}

function announce(shownStep) {
  $("scan-title").textContent = texts.steps[shownStep];
  // The end is announced with the answer (views.js), which this would silence.
  if (shownStep !== "complete") $("live").textContent = texts.steps[shownStep];
}

function paintStages() {
  for (const item of $("stages").children) {
    const place = STAGES.indexOf(item.dataset.step);
    const done = place < shownStage || STAGES[shownStage] === "complete";
    const state = done ? "done" : place === shownStage ? "active" : "waiting";
    item.dataset.state = state;
    item.ariaLabel = `${item.textContent}: ${texts.stageStates[state]}`;
    if (state === "active") item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  }
}

/** Between two statuses the bar goes on slowly towards the end of its step, as far as the time passed makes likely. */
function paintBar() {
  const { from, to, seconds } = SHARES[step];
  const passed = (performance.now() - stepSince) / 1000;
  const likely = from + (to - from) * (1 - Math.exp(-1.6 * (passed / seconds)));
  painted = Math.max(painted, progress, likely);
  $("fill").style.transform = `scaleX(${painted / 100})`;
}

function showNotice(text) {
  if ($("notice").textContent !== text) $("notice").textContent = text;
}
