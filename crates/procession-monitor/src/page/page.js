// Shows /api/status, and what /api/events says has changed since.
"use strict";
const element = (id) => document.getElementById(id);
// As many rows as one answer of the monitor has.
const ROWS = 500;
// More would push the table away, whose first rows are the same hosts.
const INCIDENTS = 5;
const RANK = { down: 0, degraded: 1, late: 2, unknown: 3, new: 4, stopped: 5, paused: 5, up: 6 };
// What the last answer said, and every row that was ever told, by its name.
let status = null;
const rows = new Map();
// What the monitor's clock is ahead of this one.
let ahead = 0;
let stream = null;
// When the stream was opened or last heard of. It speaks every five seconds.
let heard = null;
const SILENCE = 15000;

function span(ms) {
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  let rest = Math.round(ms / 1000);
  const words = [];
  for (const [size, unit] of parts) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) words.push(`${count} ${unit}`);
  }
  return words.slice(0, 2).join(" ") || "0 s";
}

// What is wrong, the last words of the dead, and a clock that is off.
function said(check) {
  const skew = check.skew_ms || 0;
  const clock = skew ? `its clock is ${span(Math.abs(skew))} ${skew > 0 ? "ahead" : "behind"}` : "";
  return [check.problem, ...(check.last_words || []), clock].filter(Boolean).join(" · ");
}

function ago(time) {
  return time ? `${span(Math.max(0, Date.now() + ahead - Date.parse(time)))} ago` : "never";
}

function line(text) {
  const paragraph = document.createElement("p");
  paragraph.textContent = text;
  return paragraph;
}

// The monitor saw nothing then: shown for an hour.
function blindness() {
  if (!status.blind || Date.now() + ahead - Date.parse(status.blind.to) > 3600000) return [];
  const clock = (time) => new Date(time).toLocaleTimeString();
  return [line(`the monitor was blind from ${clock(status.blind.from)} to ${clock(status.blind.to)}: nobody is blamed for it`)];
}

function row(check) {
  const row = document.createElement("tr");
  row.className = check.state;
  const host = check.heartbeat ? check.host : "";
  const cells = [check.state, host, check.name, said(check), ago(check.last), check.known_within_ms === null ? "" : span(check.known_within_ms)];
  row.append(...cells.map((text) => {
    const cell = document.createElement("td");
    cell.textContent = text;
    return cell;
  }));
  return row;
}

function draw() {
  if (!status) return;
  element("counts").textContent =
    Object.entries(status.counts).map(([state, count]) => `${count} ${state}`).join(" · ") || "nothing is watched yet";
  element("blind").replaceChildren(...blindness());
  const incidents = status.incidents.slice(0, INCIDENTS).map((one) => line(`${one.words}, since ${ago(one.opened).replace(" ago", "")}`));
  const others = status.incidents_open - incidents.length;
  element("incidents").replaceChildren(...incidents, ...(others > 0 ? [line(`and ${others} more in trouble`)] : []));
  const first = (a, b) => RANK[a.state] - RANK[b.state] || (a.host < b.host ? -1 : a.host > b.host ? 1 : 0);
  const shown = [...rows.values()].sort(first).slice(0, ROWS);
  element("checks").replaceChildren(...shown.map(row));
  const more = status.checks_meant - shown.length;
  element("more").textContent = more > 0 ? `and ${more} more` : "";
}

function say(text) {
  element("now").textContent = text;
}

// Takes in an answer, and only of the checks that it names, if it is a change.
function take(answer, whole) {
  status = answer;
  ahead = Date.parse(answer.now) - Date.now();
  if (whole) rows.clear();
  for (const key of answer.gone) rows.delete(key);
  // A key that may only read sees no UUIDs.
  for (const check of answer.checks) rows.set(check.uuid ?? check.unique_key, check);
  draw();
}

// "live" is said only while the stream comes: a proxy may hold it back, or be gone.
function alive() {
  heard = Date.now();
  say(status.database ? `the database cannot be written: ${status.database}` : "live");
}

function tick() {
  draw();
  if (stream === null || Date.now() - heard <= SILENCE) return;
  say("nothing is heard of the monitor: what stands here is old");
  look();
}

async function look() {
  if (stream) stream.close();
  stream = null;
  const filter = encodeURIComponent(element("filter").value);
  try {
    const limit = { signal: AbortSignal.timeout(10000) };
    const answer = await fetch(`api/status?filter=${filter}`, limit);
    if (!answer.ok) throw new Error(await answer.text());
    take(await answer.json(), true);
  } catch (error) {
    say(`no answer from the monitor: ${error.message}`);
    setTimeout(look, 5000);
    return;
  }
  // Only the newest follows, when the filter was typed letter by letter.
  if (filter !== encodeURIComponent(element("filter").value)) return;
  heard = Date.now();
  stream = new EventSource(`api/events?filter=${filter}&since=${status.version}`);
  const following = stream;
  const on = (name, act) => following.addEventListener(name, (event) => {
    if (following !== stream) return;
    act(JSON.parse(event.data));
    alive();
  });
  on("heartbeat", () => {});
  on("status", (answer) => take(answer, true));
  on("change", (answer) => take(answer, false));
  following.addEventListener("error", () => {
    if (following !== stream) return;
    say("no answer from the monitor: what stands here is old");
    // A browser gives up where it is refused; else it comes back by itself.
    if (stream.readyState === EventSource.CLOSED) setTimeout(look, 5000);
  });
}

element("filter").addEventListener("input", look);
setInterval(tick, 5000);
look();
