// What this browser keeps of each camera's streams: which one somebody chose by hand, and who has no sub-stream.
import * as stored from "tongshi/stored.js";

const KEPT = 500;
const WITHOUT_MS = 24 * 3_600_000; // a camera may be given a sub-stream

function note(name, key, value) {
  const kept = stored.load(name, {});
  delete kept[key];
  if (value) kept[key] = value;
  for (const oldest of Object.keys(kept).slice(0, -KEPT)) delete kept[oldest];
  stored.save(name, kept);
}

export function choiceOf(key) {
  const choice = stored.load("streams", {})[key];
  return ["main", "sub"].includes(choice) ? choice : "auto";
}

export function choose(key, choice) {
  note("streams", key, choice === "auto" ? null : choice);
}

export function hasSub(key) {
  return !(Date.now() - stored.load("without_sub", {})[key] < WITHOUT_MS);
}

export function noteSub(key, isThere) {
  if (isThere !== hasSub(key)) note("without_sub", key, isThere ? null : Date.now());
}
