/** What the scan and failure views show. Everything that comes from outside is set as text, never as markup. */

import * as texts from "/web/texts.js";

const $ = (id) => document.getElementById(id);

const RECYCLABLE = "재활용폐기물";
const UNKNOWN = "미분류";

/** Empties the scan view; `thumbnail` is a data URL or null. */
export function clearScan(thumbnail) {
  for (const id of ["recognised", "answer", "again"]) $(id).hidden = true;
  for (const id of ["cancel", "waiting"]) $(id).hidden = false;
  $("scan-photo").hidden = !thumbnail;
  $("photo-missing").hidden = Boolean(thumbnail);
  if (thumbnail) $("scan-photo").src = thumbnail;
  $("scan").dataset.state = "running";
}

/** What was recognised. */
export function showThing({ classification, situation_tags: tags }) {
  const { major_category: major, middle_category: middle, minor_category: minor } = classification ?? {};
  const thing = major === UNKNOWN || !major ? texts.result.unknownThing : (minor ?? middle ?? major);
  if ($("recognised").hidden) $("live").textContent = texts.result.announceThing(thing);
  $("thing").textContent = thing;
  fillList("categories", [...new Set([major, middle])].filter((category) => category && category !== thing));
  fillList("tags", (tags ?? []).map((tag) => tag.replaceAll("_", " ")));
  $("recognised").hidden = false;
}

/** The answer, which ends the scan. */
export function showAnswer(result) {
  $("scan").dataset.state = "done";
  for (const id of ["waiting", "cancel"]) $(id).hidden = true;
  for (const id of ["answer", "again"]) $(id).hidden = false;
  $("answer-text").textContent = result.answer ?? result.user_answer ?? "";
  fillList("how-steps", stepsOf(result.disposal_steps));
  $("how").hidden = $("how-steps").children.length === 0;
  fillList("caution-list", (result.insufficiencies ?? []).filter(Boolean));
  $("caution").hidden = $("caution-list").children.length === 0;
  $("source").hidden = !result.rule;
  $("source").textContent = result.rule ? texts.result.source(ruleTitle(result.rule)) : "";
  showReward(result.reward);
  $("live").textContent = texts.result.announceDone;
}

/** The reward's state, if there is a reward to speak of. */
export function showReward(reward) {
  const text = texts.rewards[reward?.status];
  const name = reward?.character?.name ?? null;
  $("reward").hidden = !text;
  $("reward").textContent = typeof text === "function" ? text(name) : (text ?? "");
}

/** The failure view; `reason` is the server's own sentence and stands in for ours. */
export function showFailure(kind, { reason, mayRetry }) {
  $("failure-title").textContent = texts.failures[kind].title;
  $("failure-text").textContent = reason ?? texts.failures[kind].text;
  $("retry").hidden = !mayRetry;
  $("restart").classList.toggle("primary", !mayRetry);
  $("restart").classList.toggle("quiet", mayRetry);
}

/** Steps may come as a list, or as an object with numbered keys ("단계1", "단계2", …). */
function stepsOf(steps) {
  if (Array.isArray(steps)) return steps.filter(Boolean);
  const number = (key) => Number(/\d+/.exec(key)?.[0] ?? 0);
  const keys = Object.keys(steps ?? {}).sort((one, other) => number(one) - number(other));
  return keys.map((key) => steps[key]).filter(Boolean);
}

/** A rule's name is its category, with the major one in front where there is a middle one. */
function ruleTitle(rule) {
  return rule.startsWith(`${RECYCLABLE}_`) ? rule.slice(RECYCLABLE.length + 1) : rule;
}

function fillList(id, entries) {
  const items = entries.map((entry) => {
    const item = document.createElement("li");
    item.textContent = String(entry);
    return item;
  });
  $(id).replaceChildren(...items);
}
