// Shows /api/status, every five seconds.
"use strict";
const element = (id) => document.getElementById(id);
let status = null;
let next = null;

function span(ms) {
  const seconds = Math.round(ms / 1000);
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  let rest = seconds;
  const words = [];
  for (const [size, unit] of parts) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) words.push(`${count} ${unit}`);
  }
  return words.slice(0, 2).join(" ") || "0 s";
}

function ago(time) {
  return time ? `${span(Math.max(0, Date.parse(status.now) - Date.parse(time)))} ago` : "never";
}

function subject(incident) {
  const { about, name } = incident.subject;
  if (about === "mass") return `${incident.hosts.length} hosts of ${name || "one group"} fell silent together`;
  return about === "monitor" ? `the monitor: ${incident.note}` : `${name} is in trouble`;
}

function draw() {
  if (!status) return;
  element("counts").textContent =
    Object.entries(status.counts).map(([state, count]) => `${count} ${state}`).join(" · ") || "nothing is watched yet";
  element("now").textContent = status.database ? `the database cannot be written: ${status.database}` : status.now;
  element("incidents").replaceChildren(...status.incidents.map((incident) => {
    const line = document.createElement("p");
    line.textContent = `${subject(incident)}, since ${incident.opened}`;
    return line;
  }));
  element("checks").replaceChildren(...status.checks.map((check) => {
    const row = document.createElement("tr");
    row.className = check.state;
    const host = check.heartbeat ? check.host : "";
    const cells = [check.state, host, check.name, check.problem || "", ago(check.last), span(check.known_within_ms)];
    row.append(...cells.map((text) => {
      const cell = document.createElement("td");
      cell.textContent = text;
      return cell;
    }));
    return row;
  }));
  element("more").textContent = status.checks_meant > status.checks.length ? `and ${status.checks_meant - status.checks.length} more` : "";
}

async function look() {
  clearTimeout(next);
  try {
    const filter = encodeURIComponent(element("filter").value);
    const answer = await fetch(`/api/status?filter=${filter}`);
    if (!answer.ok) throw new Error(await answer.text());
    status = await answer.json();
    draw();
  } catch (error) {
    element("now").textContent = `no answer from the monitor: ${error.message}`;
  }
  next = setTimeout(look, 5000);
}

element("filter").addEventListener("input", look);
look();
