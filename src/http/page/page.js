"use strict";
// What strangers sent (names, URIs, Call-IDs) is only ever put in as text.

const POLL_MS = 2000;
const RATE_MS = 10000;
const HISTORY_MS = 10 * 60 * 1000;
const EVENTS_SHOWN = 100;
const CALLS_SHOWN = 100;
const DECISIONS_SHOWN = 50;

const byId = (id) => document.getElementById(id);
const cards = new Map();
/** Counters of the last RATE_MS, oldest first: a rate over less jumps to and fro. */
const samples = [];

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Sets a text only where it changed, so that a screen reader and a selection are left in peace. */
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function replace(element, children) {
  element.replaceChildren(...children);
}

const count = (number, one) => `${number} ${one}${number === 1 ? "" : "s"}`;
const fixed = (number) => (number >= 100 ? number.toFixed(0) : number.toFixed(1));

function span(seconds) {
  if (seconds < 60) return `${fixed(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds / 60) % 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds / 3600) % 24)} h`;
}

// --- Asking --------------------------------------------------------------------------------------

async function read(path) {
  const answer = await fetch(path, { cache: "no-store" });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return path === "/metrics" ? answer.text() : answer.json();
}

async function write(method, path, body, what) {
  const headers = { "Content-Type": "application/json" };
  const token = byId("token").value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  try {
    const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    if (answer.ok) {
      byId("said").className = "good";
      put(byId("said"), `${what}: done.`);
    } else {
      const problem = await answer.json().catch(() => ({}));
      byId("said").className = "bad";
      put(byId("said"), `${what}: refused. ${problem.detail || answer.status}`);
      if (answer.status === 401 || answer.status === 403) {
        byId("operator").open = true;
        byId("token").focus();
      }
    }
  } catch {
    byId("said").className = "bad";
    put(byId("said"), `${what}: the server does not answer.`);
  }
  await poll();
}

/** Sums of the counters that this page shows, by peer. */
function counters(text) {
  const sums = { selections: new Map(), failovers: new Map(), at: performance.now() };
  const line = /^tandem_(selections|failovers)_total\{(.*)\} (\S+)$/gm;
  for (const [, name, labels, value] of text.matchAll(line)) {
    const peer = /(?:^|,)peer="((?:[^"\\]|\\.)*)"/.exec(labels);
    if (peer) sums[name].set(peer[1], (sums[name].get(peer[1]) || 0) + Number(value));
  }
  return sums;
}

/** How much a number grew a second; null while that is not known yet. */
function rate(now, number) {
  const before = samples[0];
  if (!before || now.at - before.at < 500) return null;
  return Math.max(0, ((number(now) - number(before)) * 1000) / (now.at - before.at));
}

// --- Parts ---------------------------------------------------------------------------------------

function facts(list, rows) {
  if (list.children.length !== rows.length * 2) {
    replace(list, rows.flatMap(([label]) => [make("dt", "", label), make("dd")]));
  }
  rows.forEach(([label, text, className], index) => {
    put(list.children[index * 2], label);
    const value = list.children[index * 2 + 1];
    put(value, text);
    value.className = className || "";
  });
}

function roomWords(name, room) {
  const used = `${name}: ${room.own} own, ${room.foreign} foreign`;
  if (room.capacity === null) return `${used}, no limit (units)`;
  const held = Math.max(0, room.capacity - room.own - room.foreign - room.free);
  const kept = held > 0 ? `, ${held} kept back` : "";
  return `${used}, ${room.free} free${kept} of ${room.capacity} units (${Math.round(room.utilisation * 100)} % used)`;
}

/** One line of words and one bar for each resource; the bars stay, so that they move. */
function bars(box, resources) {
  const names = Object.keys(resources);
  if (box.dataset.names !== names.join()) {
    box.dataset.names = names.join();
    replace(box, names.flatMap(() => {
      const bar = make("div", "bar");
      bar.setAttribute("aria-hidden", "true");
      for (const kind of ["own", "foreign", "held"]) bar.append(make("i", kind));
      return [make("div"), bar];
    }));
  }
  names.forEach((name, index) => {
    const room = resources[name];
    put(box.children[index * 2], roomWords(name, room));
    const bar = box.children[index * 2 + 1];
    bar.hidden = room.capacity === null;
    const whole = Math.max(room.capacity || 0, room.own + room.foreign, 1);
    const held = Math.max(0, (room.capacity || 0) - room.own - room.foreign - (room.free || 0));
    [room.own, room.foreign, held].forEach((units, part) => {
      bar.children[part].style.width = `${(units / whole) * 100}%`;
    });
  });
}

function spark(card, own) {
  const now = Date.now();
  card.history.push([now, own]);
  while (card.history[0][0] < now - HISTORY_MS) card.history.shift();
  const values = card.history.map(([, value]) => value);
  const top = Math.max(...values, 1);
  const point = ([at, value]) => `${(600 - (now - at) / 1000).toFixed(1)},${(38 - (value / top) * 36).toFixed(1)}`;
  card.line.setAttribute("points", card.history.map(point).join(" "));
  const words = `Own units, last ten minutes: lowest ${Math.min(...values)}, highest ${Math.max(...values)}, now ${own}`;
  card.svg.setAttribute("aria-label", words);
  put(card.sparkWords, words);
}

function operations(card, name) {
  const path = `/v1/peers/${encodeURIComponent(name)}`;
  const box = make("details", "operate");
  box.append(make("summary", "", `Operate ${name}`));
  const minutes = make("input");
  Object.assign(minutes, { type: "number", min: "0", step: "any", placeholder: "never" });
  minutes.setAttribute("aria-label", `Minutes after which a drain of ${name} ends what is left; empty for never`);
  card.buttons = [["enabled", "Enable"], ["draining", "Drain"], ["disabled", "Disable"]].map(([admin, label]) => {
    const button = make("button", "", label);
    button.type = "button";
    button.dataset.admin = admin;
    button.setAttribute("aria-label", `${label} ${name}`);
    button.addEventListener("click", () => {
      const patch = { admin };
      if (admin === "draining" && minutes.value) patch.deadline_seconds = Number(minutes.value) * 60;
      write("PATCH", path, patch, `${label} ${name}`);
    });
    box.append(button);
    return button;
  });
  const wait = make("label", "", "When draining, end what is left after so many minutes");
  wait.append(minutes);
  box.append(wait);
  const form = make("form");
  const units = make("input");
  units.required = true;
  units.pattern = "[0-9]+|unlimited";
  units.placeholder = "units";
  units.title = "A whole number of units, or the word unlimited";
  units.setAttribute("aria-label", `New capacity of ${name}, in units, or unlimited`);
  card.resource = make("select");
  card.resource.setAttribute("aria-label", `Resource of ${name} to resize`);
  const button = make("button", "", "Resize");
  button.setAttribute("aria-label", `Resize ${name}`);
  form.append(card.resource, units, button);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const size = units.value === "unlimited" ? "unlimited" : Number(units.value);
    write("PATCH", path, { capacity: { [card.resource.value]: size } }, `Resize ${name}`);
  });
  box.append(form);
  return box;
}

function peerCard(name) {
  const card = { root: make("article", "card"), history: [] };
  const head = make("div", "head");
  card.takes = make("span");
  head.append(make("h3", "", name), card.takes);
  card.where = make("p", "quiet");
  card.why = make("p", "bad");
  card.bars = make("div");
  card.facts = make("dl", "facts");
  card.svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  card.svg.setAttribute("viewBox", "0 0 600 40");
  card.svg.setAttribute("preserveAspectRatio", "none");
  card.svg.setAttribute("role", "img");
  card.line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  card.svg.append(card.line);
  card.sparkWords = make("small", "quiet");
  card.sparkWords.setAttribute("aria-hidden", "true");
  card.root.setAttribute("aria-label", `Peer ${name}`);
  card.root.append(head, card.where, card.why, card.bars, card.facts, card.svg, card.sparkWords, operations(card, name));
  return card;
}

function probeWords(probe) {
  const last = probe.last_status === null ? "no answer yet" : `last answer ${probe.last_status} after ${fixed(probe.rtt_ms)} ms`;
  return probe.next_in_seconds === null ? `${last}, none due` : `${last}, next in ${span(probe.next_in_seconds)}`;
}

function feedbackWords(feedback) {
  if (feedback.age_seconds === null) return "never reported";
  return `${span(feedback.age_seconds)} old, ${feedback.state}, ${feedback.fresh ? "in force" : "stale: without effect"}`;
}

function drainWords(drain) {
  const by = drain.by === "peer" ? ", by its own report" : "";
  if (drain.state === "drained") return `drained: no call left${by}`;
  const words = [`draining: ${count(drain.calls_left, "call")} left${by}`];
  words.push(drain.expected_in_seconds === null ? "time to the last not known" : `the last over in about ${span(drain.expected_in_seconds)}`);
  if (drain.deadline_in_seconds === 0) words.push("being ended");
  else if (drain.deadline_in_seconds !== null) words.push(`the rest is ended in ${span(drain.deadline_in_seconds)}`);
  return words.join("; ");
}

function showPeer(card, peer, now) {
  put(card.takes, peer.eligible ? "takes new calls" : "takes no new calls");
  card.takes.className = peer.eligible ? "good" : "bad";
  put(card.where, `${peer.uri} in ${peer.groups.join(", ") || "no group"}, weight ${peer.weight}`);
  put(card.why, peer.why_not.join("; "));
  bars(card.bars, peer.resources);
  const perSecond = rate(now, (sample) => sample.selections.get(peer.name) || 0);
  const drain = peer.drain ? [["Drain", drainWords(peer.drain), peer.drain.state === "drained" ? "good" : "bad"]] : [];
  facts(card.facts, [
    ["Wanted", peer.admin, peer.admin === "enabled" ? "good" : "bad"],
    ...drain,
    ["Alive", peer.health, peer.health === "down" ? "bad" : peer.health === "up" ? "good" : ""],
    ["Accepting", peer.accepting ? "yes" : "no", peer.accepting ? "good" : "bad"],
    ["Eligible", peer.eligible ? "yes" : "no", peer.eligible ? "good" : "bad"],
    ["New calls", perSecond === null ? "measuring" : `${fixed(perSecond)} a second`],
    ["Failovers", `${count(now.failovers.get(peer.name) || 0, "call")} left it, since the start`],
    ["Probes", probeWords(peer.probe)],
    ["Feedback", feedbackWords(peer.feedback)],
  ]);
  const rooms = Object.values(peer.resources);
  spark(card, Math.max(0, ...rooms.map((room) => room.own)));
  const names = Object.keys(peer.resources);
  if (card.resource.dataset.names !== names.join()) {
    card.resource.dataset.names = names.join();
    replace(card.resource, names.map((name) => make("option", "", name)));
  }
  for (const button of card.buttons) button.setAttribute("aria-pressed", String(button.dataset.admin === peer.admin));
}

function showPeers(peers, now) {
  const names = new Set(peers.map((peer) => peer.name));
  for (const [name, card] of cards) {
    if (!names.has(name)) {
      card.root.remove();
      cards.delete(name);
    }
  }
  for (const peer of peers) {
    if (!cards.has(peer.name)) {
      cards.set(peer.name, peerCard(peer.name));
      byId("peers").append(cards.get(peer.name).root);
    }
    showPeer(cards.get(peer.name), peer, now);
  }
}

function showGroups(groups) {
  const box = byId("groups");
  if (box.children.length !== groups.length) {
    replace(box, groups.map(() => {
      const root = make("article", "card");
      const head = make("div", "head");
      head.append(make("h3"), make("span"));
      root.append(head, make("p", "quiet"), make("div"));
      return root;
    }));
  }
  groups.forEach((group, index) => {
    const [head, select, rooms] = box.children[index].children;
    put(head.children[0], group.name);
    put(head.children[1], `${group.eligible} of ${count(group.peers.length, "peer")} take new calls`);
    head.children[1].className = group.eligible > 0 ? "good" : "bad";
    put(select, `${group.select}: ${group.peers.join(", ")}`);
    bars(rooms, group.resources);
  });
}

function showTotals(status, now) {
  const sum = (map) => [...map.values()].reduce((total, value) => total + value, 0);
  const perSecond = rate(now, (sample) => sum(sample.selections));
  const tiles = [
    ["Live calls", String(status.calls.total), `${status.calls.ringing} ringing, ${status.calls.up} up, ${status.calls.ending} ending`],
    ["Calls given to peers", perSecond === null ? "measuring" : fixed(perSecond), "a second"],
    ["Failovers", String(sum(now.failovers)), "calls, since the start"],
    ["Peers", `${status.peers.eligible} of ${status.peers.total}`, `take new calls; ${status.peers.up} up`],
    ["Running", span(status.uptime_seconds), `version ${status.version}`],
  ];
  const box = byId("totals");
  if (box.children.length !== tiles.length) {
    replace(box, tiles.map(([label]) => {
      const tile = make("div");
      const value = make("dd");
      value.append(make("span"), make("small"));
      tile.append(make("dt", "", label), value);
      return tile;
    }));
  }
  tiles.forEach(([, value, unit], index) => {
    const [number, words] = box.children[index].children[1].children;
    put(number, value);
    put(words, unit);
  });
  put(byId("node"), status.node);
  live(status.ready ? "Live: takes new calls" : "Live: takes no new calls", status.ready);
}

function live(words, good) {
  byId("state").className = good ? "good" : "bad";
  put(byId("state"), words);
}

// --- Calls ---------------------------------------------------------------------------------------

function callRow(call) {
  const row = make("tr");
  const takes = Object.entries(call.resources).map(([name, units]) => `${units} ${name}`).join(", ");
  const tried = call.attempts.map((attempt) => `${attempt.peer} ${attempt.outcome}`).join(", ");
  const cells = [
    ["State", call.state], ["Peer", call.peer || "none"], ["Since", call.since.replace("T", " ").replace(/\.\d+Z$/, " UTC")],
    ["From", call.from], ["To", call.to], ["Takes", takes], ["Call-ID", call.call_id],
    ["Tried", call.route === null ? tried : `${tried} (route ${call.route})`],
  ];
  for (const [label, text] of cells) {
    const cell = make("td", "", text);
    cell.dataset.label = label;
    row.append(cell);
  }
  const why = make("details");
  const words = make("p", "quiet", "Asking");
  why.append(make("summary", "", "Why there"), words);
  why.addEventListener("toggle", async () => {
    if (!why.open) return;
    try {
      const { others = [] } = await read(`/v1/calls/${encodeURIComponent(call.id)}`);
      put(words, others.map((other) => `Not ${other.peer}: ${other.why_not.join(", ")}`).join(". ") || "There is no other peer in its group");
    } catch {
      put(words, "The call is over, or the server does not answer");
    }
  });
  row.lastElementChild.append(why);
  const button = make("button", "", "End");
  button.type = "button";
  button.setAttribute("aria-label", `End the call from ${call.from} to ${call.to}`);
  button.addEventListener("click", () => {
    if (confirm(`End the call from ${call.from} to ${call.to}?`)) {
      write("DELETE", `/v1/calls/${encodeURIComponent(call.id)}`, undefined, "End the call");
    }
  });
  const cell = make("td");
  cell.dataset.label = "End";
  cell.append(button);
  row.append(cell);
  row.dataset.key = JSON.stringify(call);
  return row;
}

async function showCalls() {
  const wanted = byId("search").value.trim().toLowerCase();
  const list = await read(`/v1/calls?limit=${wanted ? 1000 : CALLS_SHOWN}`);
  const text = (call) => [call.from, call.to, call.call_id, call.peer, call.group, call.state].join("\n").toLowerCase();
  const found = wanted ? list.calls.filter((call) => text(call).includes(wanted)) : list.calls;
  const shown = found.slice(0, CALLS_SHOWN);
  const body = byId("calls");
  // Rows that stay as they are keep the focus that is in them.
  const rows = new Map([...body.children].map((row) => [row.dataset.key, row]));
  const next = shown.map((call) => rows.get(JSON.stringify(call)) || callRow(call));
  const same = next.length === body.children.length && next.every((row, index) => row === body.children[index]);
  if (!same) {
    const focused = document.activeElement;
    replace(body, next);
    if (focused && body.contains(focused)) focused.focus();
  }
  const searched = count(list.calls.length, "call");
  const more = list.next_cursor ? ", and there are more" : "";
  const words = wanted
    ? `${shown.length} shown of ${found.length} found among ${searched}${more}.`
    : `${count(shown.length, "call")} shown${more}.`;
  put(byId("calls-shown"), words);
}

// --- Decisions -----------------------------------------------------------------------------------

function showDecisions(decisions) {
  const list = byId("decisions");
  const key = decisions.map((decision) => decision.at + decision.call_id).join();
  if (decisions.length === 0 || list.dataset.key === key) return;
  list.dataset.key = key;
  replace(list, decisions.slice(0, DECISIONS_SHOWN).map((decision) => {
    const item = make("li");
    const time = make("time", "", new Date(decision.at).toLocaleTimeString());
    time.dateTime = decision.at;
    const about = [decision.group && `group ${decision.group}`, decision.route !== null && `route ${decision.route}`, `Call-ID ${decision.call_id}`];
    if (decision.unseen > 0) about.push(`${decision.unseen} more before it were not kept`);
    const small = make("small", "quiet", ` (${about.filter(Boolean).join(", ")})`);
    item.append(time, make("b", "", decision.outcome.replace("_", " ")), document.createTextNode(` ${decision.words}`), small);
    return item;
  }));
}

// --- Events --------------------------------------------------------------------------------------

function showEvent(kind, event) {
  const list = byId("events");
  if (list.firstElementChild?.className === "quiet") list.firstElementChild.remove();
  const item = make("li");
  const time = make("time", "", event.at ? new Date(event.at).toLocaleTimeString() : "");
  if (event.at) time.dateTime = event.at;
  item.append(time, make("b", "", kind), document.createTextNode(` ${event.words}`));
  list.prepend(item);
  while (list.children.length > EVENTS_SHOWN) list.lastElementChild.remove();
}

function follow() {
  let due = null;
  const source = new EventSource("/v1/events?since=0");
  for (const kind of ["peer", "call", "failover", "feedback"]) {
    source.addEventListener(kind, (message) => {
      showEvent(kind, JSON.parse(message.data));
      // What just changed is shown at once, not with the next turn.
      due ??= setTimeout(() => {
        due = null;
        poll();
      }, 150);
    });
  }
  source.addEventListener("gap", () => showEvent("gap", { words: "older events are forgotten" }));
  source.addEventListener("error", () => {
    // A server that has too many followers, or stops, answers 503, after which a browser gives up.
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, 5000);
  });
}

// --- Turns ---------------------------------------------------------------------------------------

let polling = null;

function poll() {
  polling ??= turn().finally(() => {
    polling = null;
  });
  return polling;
}

async function turn() {
  try {
    const paths = ["/v1/peers", "/v1/groups", "/v1/status", "/v1/decisions", "/metrics"];
    const [peers, groups, status, decisions, metrics] = await Promise.all(paths.map(read));
    const now = counters(metrics);
    showTotals(status, now);
    showGroups(groups.groups);
    showPeers(peers.peers, now);
    showDecisions(decisions.decisions);
    samples.push(now);
    while (samples[0].at < now.at - RATE_MS) samples.shift();
    await showCalls();
  } catch (error) {
    live(`Not live: ${error.message}`, false);
  }
}

async function turns() {
  await poll();
  setTimeout(turns, POLL_MS);
}

byId("search").addEventListener("input", () => showCalls().catch(() => {}));
turns();
follow();
