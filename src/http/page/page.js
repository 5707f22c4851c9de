"use strict";
// What strangers sent (names, URIs, Call-IDs) is only ever put in as text.

const POLL_MS = 2000;
const RATE_MS = 10000;
const HISTORY_MS = 10 * 60 * 1000;
const GAP_MS = 4 * POLL_MS;
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

const clock = (moment) => new Date(moment).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const count = (number, one) => `${number} ${one}${number === 1 ? "" : "s"}`;
const fixed = (number) => (number >= 100 ? number.toFixed(0) : number.toFixed(1));

/** A number and its unit stay on one line. */
const unit = (number, name) => `${number}\u00a0${name}`;

function span(seconds) {
  if (seconds < 60) return unit(fixed(seconds), "s");
  if (seconds < 3600) return `${unit(Math.floor(seconds / 60), "min")} ${unit(Math.floor(seconds % 60), "s")}`;
  if (seconds < 86400) return `${unit(Math.floor(seconds / 3600), "h")} ${unit(Math.floor((seconds / 60) % 60), "min")}`;
  return `${unit(Math.floor(seconds / 86400), "d")} ${unit(Math.floor((seconds / 3600) % 24), "h")}`;
}

// --- Asking --------------------------------------------------------------------------------------

async function read(path) {
  const answer = await fetch(path, { cache: "no-store" });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return path === "/metrics" ? answer.text() : answer.json();
}

/** Changes something, and says beside the control what came of it. */
async function write(method, path, body, what, said) {
  const say = (element, words, good) => {
    element.className = `said ${good ? "good" : "bad"}`;
    put(element, words);
  };
  say(byId("said"), "", true);
  const headers = { "Content-Type": "application/json" };
  const token = byId("token").value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  try {
    const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    if (answer.ok) {
      say(said, `${what}: done.`, true);
    } else {
      const problem = await answer.json().catch(() => ({}));
      const words = `${what}: refused. ${problem.detail || answer.status}`;
      say(said, words, false);
      if (answer.status === 401 || answer.status === 403) {
        say(byId("said"), words, false);
        byId("token").focus();
      }
    }
  } catch {
    say(said, `${what}: the server does not answer.`, false);
  }
  await poll();
}

/** Sums of the counters that this page shows: by peer, and those of groups by group. */
function counters(text) {
  const sums = { selections: new Map(), failovers: new Map(), groups: { selections: new Map(), failovers: new Map() }, at: performance.now() };
  const line = /^tandem_(selections|failovers)_total\{(.*)\} (\S+)$/gm;
  const add = (map, label, value) => label && map.set(label[1], (map.get(label[1]) || 0) + Number(value));
  for (const [, name, labels, value] of text.matchAll(line)) {
    add(sums[name], /(?:^|,)peer="((?:[^"\\]|\\.)*)"/.exec(labels), value);
    add(sums.groups[name], /(?:^|,)group="((?:[^"\\]|\\.)*)"/.exec(labels), value);
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

function pill(element, words, kind) {
  put(element, words);
  element.className = `pill ${kind}`;
}

/** The four questions of health, each with its answer. */
function health(list, rows) {
  if (list.children.length === 0) {
    replace(list, rows.map(([label]) => {
      const box = make("div");
      box.append(make("dt", "", label), make("dd"));
      return box;
    }));
  }
  rows.forEach(([, word, kind], index) => {
    const value = list.children[index].lastElementChild;
    put(value, word);
    value.className = kind;
  });
}

const heldBack = (room) => (room.capacity === null ? 0 : Math.max(0, room.capacity - room.own - room.foreign - room.free));

function roomWords(room) {
  const parts = [`${room.own} own`];
  if (room.foreign > 0) parts.push(`${room.foreign} foreign`);
  if (heldBack(room) > 0) parts.push(`${heldBack(room)} kept back`);
  if (room.capacity !== null) parts.push(`${room.free} free`);
  return `${parts.join(" · ")} ${room.capacity === null ? "units, no limit" : `of\u00a0${count(room.capacity, "unit").replace(" ", "\u00a0")}`}`;
}

/** A line, a bar and the numbers for each resource; the bars stay, so that they move. */
function bars(box, resources) {
  const names = Object.keys(resources);
  if (box.dataset.names !== names.join()) {
    box.dataset.names = names.join();
    replace(box, names.map((name) => {
      const part = make("div");
      part.dataset.resource = name;
      const line = make("div", "room");
      line.append(make("b", "", name), make("span"));
      const bar = make("div", "bar");
      bar.setAttribute("aria-hidden", "true");
      for (const kind of ["own", "foreign", "held"]) bar.append(make("i", kind));
      part.append(line, bar, make("div", "units"));
      return part;
    }));
  }
  names.forEach((name, index) => {
    const room = resources[name];
    const [line, bar, units] = box.children[index].children;
    put(line.lastElementChild, room.utilisation === null ? "" : `${Math.round(room.utilisation * 100)} % used`);
    put(units, roomWords(room));
    bar.hidden = room.capacity === null;
    const whole = Math.max(room.capacity || 0, room.own + room.foreign, 1);
    [room.own, room.foreign, heldBack(room)].forEach((size, part) => {
      bar.children[part].style.width = `${(size / whole) * 100}%`;
    });
  });
}

function sparkline() {
  const root = make("div", "spark");
  const shape = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);
  const svg = shape("svg");
  svg.setAttribute("viewBox", "0 0 600 40");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  const [area, line] = [shape("polygon"), shape("polyline")];
  svg.append(area, line);
  const words = make("div", "quiet");
  words.setAttribute("aria-hidden", "true");
  words.append(make("small"), make("small"));
  root.append(svg, words);
  return { root, svg, area, line, words, history: [] };
}

/** Puts in what the server saw while this page did not look: before it was loaded, or while its machine slept. */
function recall(chart, ages, values) {
  const now = Date.now();
  const known = chart.history.at(-1)?.[0] || 0;
  const points = values.map((own, index) => [now - ages.at(index - values.length) * 1000, own]);
  chart.history.push(...points.filter(([at]) => at > known));
}

/** The last ten minutes, or as many of them as the server has run: the width is always used. */
function spark(chart, own) {
  const now = Date.now();
  const { history } = chart;
  history.push([now, own]);
  while (history[0][0] < now - HISTORY_MS) history.shift();
  const values = history.map(([, value]) => value);
  const top = Math.max(...values, 1);
  const width = Math.max(now - history[0][0], 1);
  const point = ([at, value]) => `${(600 - ((now - at) / width) * 600).toFixed(1)},${(38 - (value / top) * 36).toFixed(1)}`;
  const points = history.map(point).join(" ");
  chart.line.setAttribute("points", points);
  chart.area.setAttribute("points", `0,40 ${points} 600,40`);
  const time = `Own units, last ${width < 60000 ? unit(Math.round(width / 1000), "s") : unit(Math.round(width / 60000), "min")}`;
  const range = `lowest ${Math.min(...values)}, highest ${Math.max(...values)}, now ${own}`;
  chart.svg.setAttribute("aria-label", `${time}: ${range}`);
  put(chart.words.children[0], time);
  put(chart.words.children[1], range);
}

function row(tag, label, ...controls) {
  const line = make(tag, "row");
  const set = make("span", "set");
  set.append(...controls);
  line.append(make("span", "", label), set);
  return line;
}

function operations(card, name) {
  const path = `/v1/peers/${encodeURIComponent(name)}`;
  const box = make("details", "operate");
  const said = make("p", "said");
  said.setAttribute("role", "status");
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
      write("PATCH", path, patch, `${label} ${name}`, said);
    });
    return button;
  });
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
  const form = row("form", "Capacity", card.resource, units, button);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const size = units.value === "unlimited" ? "unlimited" : Number(units.value);
    write("PATCH", path, { capacity: { [card.resource.value]: size } }, `Resize ${name}`, said);
  });
  const after = row("label", "Deadline", minutes, make("span", "", "minutes to drain"));
  box.append(make("summary", "", `Operate ${name}`), row("div", "Wanted", ...card.buttons), after, form, said);
  return box;
}

function peerCard(name) {
  const card = { root: make("article", "card") };
  const head = make("div", "head");
  card.state = make("span");
  head.append(make("h3", "", name), card.state);
  const where = make("p", "where");
  card.uri = make("span");
  card.part = make("span");
  where.append(card.uri, " ", card.part);
  card.why = make("p");
  card.bars = make("div");
  card.health = make("dl", "health");
  card.facts = make("dl", "facts");
  card.spark = sparkline();
  card.root.dataset.peer = name;
  card.root.setAttribute("aria-label", `Peer ${name}`);
  card.root.append(head, where, card.why, card.bars, card.health, card.facts, card.spark.root, operations(card, name));
  return card;
}

/** The one word for a peer, and how grave it is. */
function stateOf(peer) {
  if (peer.admin === "disabled") return ["disabled", "bad"];
  if (peer.drain) return [peer.drain.state, "warn"];
  if (peer.health === "down") return ["down", "bad"];
  if (!peer.accepting) return ["not accepting", "warn"];
  if (!peer.eligible) return ["takes no new calls", "bad"];
  if (Object.values(peer.resources).some((room) => room.free === 0)) return ["full", "warn"];
  return ["takes new calls", "good"];
}

function probeWords(probe) {
  const last = probe.last_status === null ? "none yet" : `${probe.last_status} after ${unit(fixed(probe.rtt_ms), "ms")}`;
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
  const [state, kind] = stateOf(peer);
  pill(card.state, state, kind);
  put(card.uri, peer.uri);
  put(card.part, `${peer.groups.join(", ") || "in no group"} · weight ${peer.weight}`);
  put(card.why, peer.why_not.join("; "));
  card.why.className = peer.why_not.length > 0 ? `why ${kind}` : "why";
  bars(card.bars, peer.resources);
  health(card.health, [
    ["Wanted", peer.admin, peer.admin === "enabled" ? "good" : peer.admin === "draining" ? "warn" : "bad"],
    ["Alive", peer.health, { up: "good", down: "bad" }[peer.health] || "warn"],
    ["Accepting", peer.accepting ? "yes" : "no", peer.accepting ? "good" : "bad"],
    ["Eligible", peer.eligible ? "yes" : "no", peer.eligible ? "good" : "bad"],
  ]);
  const perSecond = rate(now, (sample) => sample.selections.get(peer.name) || 0);
  const stale = peer.feedback.age_seconds !== null && !peer.feedback.fresh;
  facts(card.facts, [
    ...(peer.drain ? [["Drain", drainWords(peer.drain), "warn"]] : []),
    ["New calls", perSecond === null ? "measuring" : `${fixed(perSecond)} a second`],
    ["Failovers", `${count(now.failovers.get(peer.name) || 0, "call")} left it, since the start`],
    ["Probe answer", probeWords(peer.probe)],
    ["Feedback", feedbackWords(peer.feedback), stale ? "warn" : ""],
  ]);
  const rooms = Object.values(peer.resources);
  spark(card.spark, Math.max(0, ...rooms.map((room) => room.own)));
  const names = Object.keys(peer.resources);
  if (card.resource.dataset.names !== names.join()) {
    card.resource.dataset.names = names.join();
    replace(card.resource, names.map((name) => make("option", "", name)));
  }
  for (const button of card.buttons) button.setAttribute("aria-pressed", String(button.dataset.admin === peer.admin));
}

function showPeers(peers, now, history) {
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
    const card = cards.get(peer.name);
    if (history) recall(card.spark, history.ages_seconds, history.peers[peer.name] || []);
    showPeer(card, peer, now);
  }
}

function showGroups(groups, now) {
  const box = byId("groups");
  if (box.children.length !== groups.length) {
    replace(box, groups.map(() => {
      const root = make("article", "card");
      const head = make("div", "head");
      head.append(make("h3"), make("span"));
      root.append(head, make("p", "where"), make("div"), make("p", "where"));
      return root;
    }));
  }
  groups.forEach((group, index) => {
    const [head, select, rooms, traffic] = box.children[index].children;
    box.children[index].dataset.group = group.name;
    put(head.children[0], group.name);
    const kind = group.eligible === 0 ? "bad" : group.eligible < group.peers.length ? "warn" : "good";
    pill(head.children[1], `${group.eligible} of ${count(group.peers.length, "peer")} eligible`, kind);
    put(select, `${group.select}: ${group.peers.join(", ")}`);
    bars(rooms, group.resources);
    const perSecond = rate(now, (sample) => sample.groups.selections.get(group.name) || 0);
    const calls = perSecond === null ? "New calls: measuring" : `${unit(fixed(perSecond), "new calls")} a second`;
    put(traffic, `${calls} · ${count(now.groups.failovers.get(group.name) || 0, "failover")} since the start`);
  });
}

/** Units of `calls` that are free at eligible peers, and whether they are limited. */
function room(peers) {
  const rooms = peers.filter((peer) => peer.eligible && peer.resources.calls).map((peer) => peer.resources.calls.free);
  return [rooms.reduce((total, free) => total + (free || 0), 0), !rooms.includes(null)];
}

function showTotals(status, peers, now) {
  const sum = (map) => [...map.values()].reduce((total, value) => total + value, 0);
  const perSecond = rate(now, (sample) => sum(sample.selections));
  const [free, limited] = room(peers);
  const tiles = [
    ["Live calls", String(status.calls.total), `${status.calls.ringing} ringing, ${status.calls.up} up, ${status.calls.ending} ending`],
    ["Room for calls", limited ? String(free) : "no limit", limited ? "units free at eligible peers" : "at some eligible peer"],
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
  document.title = `${count(status.calls.total, "call")}, ${status.peers.eligible} of ${status.peers.total} peers · Tandem ${status.node}`;
  version ??= status.version;
  const newer = status.version === version ? "" : `; it is ${status.version} now, load this page again`;
  pill(byId("state"), `Live: takes ${status.ready ? "" : "no "}new calls${newer}`, status.ready ? "good" : "bad");
  seen = Date.now();
}

/** When the server last answered, and as which version it did at first. */
let seen = null;
let version = null;

function lost(error) {
  const since = seen === null ? "" : ` since ${clock(seen)}`;
  // A browser's own words for a server that is away differ, and tell nobody anything.
  const why = error instanceof TypeError ? "the server does not answer" : error.message;
  pill(byId("state"), `Not live${since}: ${why}`, "bad");
}

// --- Calls ---------------------------------------------------------------------------------------

function callRow(call) {
  const row = make("tr");
  const takes = Object.entries(call.resources).map(([name, units]) => `${name} ${units}`).join(", ");
  const tried = call.attempts.map((attempt) => `${attempt.peer} ${attempt.outcome}`).join(", ");
  const cells = [
    ["State", call.state], ["Peer", call.peer || "none"], ["Since", clock(call.since)],
    ["From", call.from], ["To", call.to], ["Takes", takes], ["Call-ID", call.call_id],
    ["Tried", call.route === null ? tried : `${tried} (route ${call.route})`],
  ];
  for (const [label, text] of cells) {
    const cell = make("td", "", text);
    if (label === "Since") cell.title = call.since;
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
      write("DELETE", `/v1/calls/${encodeURIComponent(call.id)}`, undefined, "End the call", byId("calls-said"));
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
    const time = make("time", "", clock(decision.at));
    time.dateTime = decision.at;
    const about = [decision.group && `group ${decision.group}`, decision.route !== null && `route ${decision.route}`, `Call-ID ${decision.call_id}`];
    if (decision.unseen > 0) about.push(`${decision.unseen} more before it were not kept`);
    const words = make("span", "", decision.words);
    words.append(make("small", "", about.filter(Boolean).join(", ")));
    item.append(time, make("b", "", decision.outcome.replace("_", " ")), words);
    return item;
  }));
}

// --- Events --------------------------------------------------------------------------------------

function showEvent(kind, event) {
  const list = byId("events");
  if (list.firstElementChild?.className === "quiet") list.firstElementChild.remove();
  const item = make("li");
  const time = make("time", "", event.at ? clock(event.at) : "");
  if (event.at) time.dateTime = event.at;
  item.append(time, make("b", "", kind), make("span", "", event.words));
  list.prepend(item);
  while (list.children.length > EVENTS_SHOWN) list.lastElementChild.remove();
}

/** The newest event that is shown: a stream that is opened anew goes on behind it. */
let newest = "0";

function follow() {
  let due = null;
  const source = new EventSource(`/v1/events?since=${newest}`);
  for (const kind of ["peer", "call", "failover", "feedback"]) {
    source.addEventListener(kind, (message) => {
      newest = message.lastEventId || newest;
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
    if (Date.now() - (seen ?? 0) > GAP_MS) paths.push("/v1/history");
    const [peers, groups, status, decisions, metrics, history] = await Promise.all(paths.map(read));
    const now = counters(metrics);
    showTotals(status, peers.peers, now);
    showGroups(groups.groups, now);
    showPeers(peers.peers, now, history);
    showDecisions(decisions.decisions);
    samples.push(now);
    while (samples[0].at < now.at - RATE_MS) samples.shift();
    await showCalls();
  } catch (error) {
    lost(error);
  }
}

async function turns() {
  await poll();
  setTimeout(turns, POLL_MS);
}

byId("operator").addEventListener("submit", (event) => event.preventDefault());
byId("search").addEventListener("input", () => showCalls().catch(() => {}));
turns();
follow();
