// The live client. The server draws every fragment; this asks for it again when something has happened,
// and puts it in place. What is known of statuses and their words comes with the page (body[data-words]).

const page = document.documentElement;
const vocabulary = JSON.parse(document.body.dataset.words);
const live = () => document.getElementById("live");
const all = (selector, within = document) => within.querySelectorAll(selector);
const one = (selector, within = document) => within.querySelector(selector);

page.classList.add("js");

// The connection

const SILENCE = 40_000; // the server speaks every 15 s: longer silence is a dead connection
const HIDDEN = 1_500; // six connections per host: a hidden tab soon gives its own back
const POLL = 3_000;
const PATIENCE = [5_000, 300_000]; // while polling, when to try the stream again: at first, and at last
const LOUD = 10_000; // how long a loss lasts before it is told aloud

const ASKING = ["executions.initial", "executions.update", "execution.snapshot", "stream-reset", "stream-error"];

let source = null; // the open EventSource
let timer = 0; // the next attempt or poll
let failures = 0; // in a row
let opened = 0;
let heard = 0; // when the server was last heard
let seen = 0; // the highest seq that was told
let polling = 0; // since when
let patience = PATIENCE[0];
let lost = false; // whether even polling got no answer
let state = "connecting";
let lossTimer = 0;

const paused = () => new URLSearchParams(location.search).get("live") === "0";
const over = () => live().hasAttribute("data-final") || state === "signed-out" || state === "ended";
const shown = () => Number(live().dataset.seq || 0);

function say(next) {
  if (next === state) return;
  state = next;
  const wire = one("[data-connection]");
  if (!wire) return;
  wire.dataset.connection = next;
  one("[data-connection-word]").textContent = vocabulary.connection[next];
  one("[data-pause]")?.toggleAttribute("hidden", next === "ended" || next === "signed-out");
  clearTimeout(lossTimer);
  if (next === "reconnecting" || next === "polling") lossTimer = setTimeout(announce, LOUD, `Connection: ${vocabulary.connection[next]}`);
  if (next === "signed-out") announce("You are signed out. Reload to sign in.");
}

function backOff() {
  return Math.min(30_000, 400 * 2 ** failures) * (0.7 + Math.random() * 0.6);
}

function later(work, wait) {
  clearTimeout(timer);
  timer = setTimeout(work, wait);
}

function open() {
  if (!live() || over()) return live() && live().hasAttribute("data-final") && say("ended");
  if (source || document.hidden) return;
  if (paused()) return say("paused");
  if (!live().dataset.stream) return later(poll, POLL); // a page that is only asked for again
  if (polling && Date.now() - polling < patience) return poll();
  if (polling) patience = Math.min(patience * 2, PATIENCE[1]);
  polling = 0;
  if (failures) say(failures < 3 ? "reconnecting" : "polling");
  listen();
}

function listen() {
  const address = new URL(live().dataset.stream, location);
  if (live().dataset.id) address.searchParams.set("lastEventId", `${live().dataset.id}:${Math.max(seen, shown())}`);
  const mine = (source = new EventSource(address));
  const hear = (event) => { if (mine === source) hearing(event); };
  opened = heard = Date.now();
  source.onopen = () => { heard = Date.now(); say("live"); };
  for (const name of [...Object.keys(vocabulary.events), ...ASKING, "workflow.stream.connected", "workflow.result", "heartbeat"]) source.addEventListener(name, hear);
  // A browser retries only some failures, and a new connection needs the cursor: every retry is ours.
  source.onerror = () => { if (mine === source) dropped(); };
}

function hearing(event) {
  heard = Date.now();
  const { type } = event;
  // Greetings prove little: a proxy may let them through and then cut the line.
  if (type in vocabulary.events || type === "executions.update" || heard - opened > 5000) {
    failures = 0;
    patience = PATIENCE[0];
  }
  if (type in vocabulary.events) take(JSON.parse(event.data));
  // What came between the page and its stream is in the first frame; whether one may still look, in the answer.
  else if (ASKING.includes(type)) refresh();
}

function dropped() {
  close();
  failures += 1;
  if (over()) return;
  // Three in a row (a proxy that buffers or refuses): ask instead of listening.
  if (failures >= 3 && !polling) polling = Date.now();
  say(polling ? "polling" : "reconnecting");
  later(open, backOff());
}

function close() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

async function poll() {
  say(live().dataset.stream ? "polling" : "live");
  try {
    if (live().dataset.poll) await pollLog();
    else await refresh();
    if (lost) failures = polling = 0; // the server was away, not its streams: listen again
    else failures = Math.min(failures, 3);
    later(open, lost ? backOff() : POLL * (0.8 + Math.random() * 0.4));
    lost = false;
  } catch {
    failures += 1;
    lost = true;
    say("reconnecting");
    later(open, backOff());
  }
}

async function pollLog() {
  const address = new URL(live().dataset.poll, location);
  address.searchParams.set("after", Math.max(seen, shown()));
  const answer = await ask(address, "application/json");
  if (!answer) return;
  const log = await answer.json();
  log.events.forEach(take);
  if (log.terminal && !live().hasAttribute("data-final")) await refresh();
}

// An event: paint at once what it says, then ask for the truth

function take(event) {
  if (live().dataset.live === "list") return refresh();
  if (event.seq <= Math.max(seen, shown())) return;
  seen = event.seq;
  const status = vocabulary.events[event.type];
  if (event.chunk) grow(event);
  if (event.nodeId && status) for (const node of all(`[data-node="${CSS.escape(event.nodeId)}"]`)) paint(node, status);
  refresh();
}

// Text that is made while one reads; the next fragment says the same.
function grow({ runId, attempt, offset, chunk }) {
  const text = one(`[data-told="${CSS.escape(runId)}"][data-attempt="${attempt}"] [data-text]`);
  if (!text || Number(text.dataset.end) !== offset) return;
  const follow = following();
  text.firstChild.appendData(chunk);
  text.dataset.end = offset + [...chunk].length;
  follow();
}

// What was scrolled to its end stays there.
function following() {
  const ends = [...all("[data-tail]")].filter((box) => box.scrollHeight - box.scrollTop - box.clientHeight < 24);
  const known = new Set(all("[data-tail]"));
  return () => { for (const box of all("[data-tail]")) if (ends.includes(box) || !known.has(box)) box.scrollTop = box.scrollHeight; };
}

function paint(node, status) {
  node.dataset.status = status;
  one("use", node)?.setAttribute("href", `#i-${status}`);
}

// Fragments

let fetching = null;
let again = false;
let turn = 0;
let rest = 0; // how long the last fragment took: the more it costs, the rarer it is asked for
let last = 0;

function refresh() {
  if (fetching) {
    again = true;
    return fetching;
  }
  const list = live().dataset.live === "list";
  const wait = Math.max(0, last + Math.max(list ? 1000 : 300, rest * 4) - Date.now());
  fetching = new Promise((resolve) => setTimeout(resolve, wait)).then(() => replace()).finally(() => { fetching = null; });
  fetching.catch(() => { failures += 1; setTimeout(refresh, backOff()); });
  return fetching;
}

async function replace(options = {}) {
  const mine = ++turn;
  again = false;
  const began = Date.now();
  const answer = await ask(fragmentOf(location), "text/html");
  if (!answer) return;
  const fresh = one("#live", new DOMParser().parseFromString(await answer.text(), "text/html"));
  last = Date.now();
  rest = last - began;
  if (!fresh || mine !== turn) return; // the reader has gone elsewhere meanwhile
  swap(fresh, options);
  if (again || (!over() && Number(live().dataset.seq || 0) < seen)) setTimeout(refresh);
}

function fragmentOf(address) {
  const url = new URL(address);
  url.searchParams.set("fragment", "1");
  const followed = [...all("[data-row]:not([data-final])")].map((row) => row.dataset.row);
  if (followed.length) url.searchParams.set("rows", followed.join(","));
  return url;
}

// A response that may be read; null (and told) where the page is no longer ours to see.
async function ask(url, accept) {
  const answer = await fetch(url, { headers: { Accept: accept }, credentials: "same-origin" });
  heard = Date.now();
  if (answer.redirected || answer.status === 401 || answer.status === 403) {
    close();
    say("signed-out");
    return null;
  }
  if (answer.status === 404) location.reload();
  if (!answer.ok) throw new Error(answer.status);
  return answer;
}

function swap(fresh, { whole = false } = {}) {
  const before = live().dataset.state;
  const follow = following();
  if (!whole && live().hasAttribute("data-final") && !fresh.hasAttribute("data-final") && live().dataset.id === fresh.dataset.id) return;
  const rows = one("[data-rows]");
  const arrived = one("[data-rows]", fresh);
  if (rows && arrived && !whole) merge(rows, arrived);
  morph(live(), fresh);
  follow();
  choose();
  offset = new Date(live().dataset.now) - Date.now();
  if (live().dataset.title) document.title = live().dataset.title;
  const now = live().dataset.state;
  if (now !== before && before) announce(`Execution ${vocabulary.words[now]}`);
  if (live().hasAttribute("data-final")) {
    close();
    say("ended");
  }
  tick();
}

// Make `old` like `fresh`, touching only what differs: focus, scroll, selection and open details survive.
function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || (old.id || "") !== (fresh.id || "")) return old.replaceWith(fresh);
  if (old.nodeType !== 1) {
    if (fresh.data.startsWith(old.data)) old.appendData(fresh.data.slice(old.data.length)); // a selection stays
    else old.data = fresh.data;
    return;
  }
  // A fragment may be older than what has been told since.
  if (old.dataset.end && Number(old.dataset.end) > Number(fresh.dataset.end)) return;
  if (old.hasAttribute("data-keep") || old.hasAttribute("data-rows-merged") || old.name === "csrfmiddlewaretoken") return old.removeAttribute("data-rows-merged");
  for (const { name, value } of [...fresh.attributes]) if (old.getAttribute(name) !== value && name !== "open") old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && name !== "open" && name !== "data-new") old.removeAttribute(name);
  morphChildren(old, fresh);
}

function morphChildren(old, fresh) {
  const named = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const same = wanted.id && named.get(wanted.id);
    if (same && same !== at) old.insertBefore(same, at);
    const here = same || (at && !(at.id && at.id !== wanted.id) ? at : null);
    if (!here) {
      old.insertBefore(wanted, at);
      continue;
    }
    const following = here.nextSibling;
    morph(here, wanted);
    at = following;
  }
  while (at) {
    const following = at.nextSibling;
    at.remove();
    at = following;
  }
}

// The list: rows never jump

function merge(rows, arrived) {
  const fresh = []; // what stands above the first row that is here already
  let known = false;
  for (const row of [...arrived.children]) {
    const old = document.getElementById(row.id);
    if (old) morph(old, row);
    else if (!known && !row.hasAttribute("data-extra")) fresh.push(row);
    known ||= Boolean(old);
  }
  rows.setAttribute("data-rows-merged", "");
  if (!live().hasAttribute("data-first")) return;
  const newer = fresh.filter((row) => !seenRows.has(row.id));
  const idle = scrollY < 8 && !rows.contains(document.activeElement) && !getSelection().toString();
  if (idle && !waiting.size) {
    for (const row of fresh.reverse()) {
      row.dataset.new = "";
      rows.prepend(row);
      seenRows.add(row.id);
    }
    if (newer.length) announce(`${newer.length} new execution${newer.length > 1 ? "s" : ""}`);
    while (rows.children.length > 100) rows.lastElementChild.remove();
  } else for (const row of newer) waiting.add(row.id);
}

const seenRows = new Set([...all("[data-row]")].map((row) => row.id));
const waiting = new Set(); // rows that came while somebody was reading

function showWaiting() {
  const pill = one("[data-fresh]");
  if (!pill) return;
  pill.hidden = !waiting.size;
  pill.textContent = `${waiting.size > 99 ? "99+" : waiting.size} new`;
}

async function showFresh(pill) {
  waiting.clear();
  history.replaceState(null, "", pill.href);
  await replace({ whole: true });
  for (const row of all("[data-row]")) seenRows.add(row.id);
  scrollTo({ top: 0 });
  showWaiting();
}

// Time

const relative = new Intl.RelativeTimeFormat("en", { style: "narrow", numeric: "always" });
const STEPS = [[60, "second", 1], [3600, "minute", 60], [86400, "hour", 3600], [7 * 86400, "day", 86400]];
let offset = live() ? new Date(live().dataset.now) - Date.now() : 0;

// As the template filter `elapsed` says it.
function elapsed(seconds) {
  const two = (value) => String(value).padStart(2, "0");
  const [minutes, hours, days] = [60, 3600, 86400].map((size) => Math.floor(seconds / size));
  if (minutes < 1) return `${seconds}s`;
  if (hours < 1) return `${minutes}m ${two(seconds % 60)}s`;
  return days < 1 ? `${hours}h ${two(minutes % 60)}m` : `${days}d ${hours % 24}h`;
}

function ago(seconds) {
  if (Math.abs(seconds) < 5) return "just now";
  const step = STEPS.find(([limit]) => Math.abs(seconds) < limit);
  return step && relative.format(-Math.trunc(seconds / step[2]), step[1]);
}

function tick() {
  showWaiting();
  if (document.hidden) return;
  const now = Date.now() + offset;
  for (const node of all("[data-since]")) write(node, elapsed(Math.max(0, Math.floor((now - new Date(node.dataset.since)) / 1000))));
  for (const node of all("[data-ago]")) {
    node.dataset.said ||= node.textContent;
    write(node, ago((now - new Date(node.dateTime)) / 1000) || node.dataset.said);
  }
}

// The graph opens on the chosen node, else on where it has got to.
function focusGraph() {
  const canvas = document.getElementById("canvas");
  const at = one(".node[aria-current]") ?? [...all(".node:not([data-status=unreached])")].pop();
  if (!canvas || !at) return;
  const box = at.getBBox();
  canvas.scrollTo(box.x + box.width / 2 - canvas.clientWidth / 2, box.y + box.height / 2 - canvas.clientHeight / 2);
}

function write(node, text) {
  if (node.textContent !== text) node.firstChild.data = text;
}

// Telling aloud: one polite region, at most one sentence in five seconds

let spoken = 0;

function announce(text) {
  clearTimeout(announce.timer);
  const wait = Math.max(0, spoken + 5000 - Date.now());
  announce.timer = setTimeout(() => { spoken = Date.now(); one("[data-announce]").textContent = text; }, wait);
}

// Controls: each works as a link or a form without this

async function go(address, push = true) {
  if (push) history.pushState(null, "", address);
  const drawn = document.getElementById("canvas");
  try { await replace({ whole: true }); } catch { location.reload(); }
  if (!drawn) focusGraph();
}

async function copy(button) {
  try { await navigator.clipboard.writeText(button.dataset.copy); } catch {
    const area = document.body.appendChild(Object.assign(document.createElement("textarea"), { value: button.dataset.copy }));
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  announce("Copied");
}

function pause(button) {
  const url = new URL(location);
  if (paused()) url.searchParams.delete("live"); else url.searchParams.set("live", "0");
  history.replaceState(null, "", url);
  showPause(button);
  if (!paused()) { failures = 0; open(); refresh(); } else { close(); say("paused"); }
}

function showPause(button) {
  button.textContent = paused() ? "Go live" : "Pause live";
  button.setAttribute("aria-pressed", String(paused()));
}

document.addEventListener("click", (event) => {
  const plain = !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey && event.button === 0;
  const target = event.target.closest("[data-copy], [data-pause], [data-fresh], a[data-swap]");
  if (target?.matches("[data-copy]")) copy(target);
  else if (target?.matches("[data-pause]")) pause(target);
  else if (target && plain) {
    event.preventDefault();
    if (target.matches("[data-fresh]")) showFresh(target);
    else go(target.href.baseVal ?? target.href);
  }
  for (const menu of all("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of all("details.menu[open]")) {
    menu.open = false;
    one("summary", menu).focus();
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-theme-form]") && event.submitter) {
    event.preventDefault();
    const { value } = event.submitter;
    document.cookie = `c4c_theme=${value}; path=/; max-age=31536000; samesite=lax`;
    page.dataset.theme = value;
    for (const button of all("button", form)) button.setAttribute("aria-pressed", String(button.value === value));
  }
});

// The input editor: Form ⇄ JSON over one value; fields of the chosen workflow

function readFields(form) {
  const found = {};
  for (const field of all("[data-kind]", form)) {
    if (field.value === "") continue;
    const { kind } = field.dataset;
    let value = field.value;
    if (kind !== "string" && kind !== "text" && kind !== "choice") try { value = JSON.parse(value); } catch { /* the server will tell */ }
    found[field.name.slice(3)] = value;
  }
  return found;
}

function fillFields(form, value) {
  for (const field of all("[data-kind]", form)) {
    const given = value[field.name.slice(3)];
    field.value = given === undefined ? "" : typeof given === "string" ? given : JSON.stringify(given);
  }
}

document.addEventListener("change", async (event) => {
  const { target } = event;
  const form = target.form;
  if (target.name === "mode" && form) {
    const text = form.elements.json;
    if (target.value === "json") text.value = JSON.stringify(readFields(form), null, 2);
    else try { fillFields(form, JSON.parse(text.value || "{}")); } catch { form.elements.mode.value = "json"; }
  }
  if (target.matches("[data-run-workflow]")) {
    const answer = await ask(new URL(`${form.dataset.runForm}?fragment=1&workflow=${encodeURIComponent(target.value)}`, location), "text/html");
    const parsed = new DOMParser().parseFromString(answer ? await answer.text() : "", "text/html");
    if (answer) one("[data-run-fields]", form).replaceChildren(...parsed.body.childNodes);
  }
});

// Many at once

function choose() {
  const ticks = [...all("[name=ids][form=bulk]")];
  const chosen = ticks.filter((tick) => tick.checked).length;
  const told = one("[data-chosen]");
  if (!told) return;
  told.hidden = !chosen;
  told.textContent = `${chosen} chosen`;
  const box = one("[data-all]");
  if (box) box.indeterminate = !(box.checked = chosen > 0 && chosen === ticks.length) && chosen > 0;
}

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-all]")) for (const tick of all("[name=ids][form=bulk]")) tick.checked = target.checked;
  if (target.matches("[type=checkbox]")) choose();
});

// Comings and goings

if (live()) {
  const button = one("[data-pause]");
  if (button) showPause(button);
  let hiding = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(() => { close(); if (!over() && !paused()) say("idle"); }, HIDDEN);
    else if (!source) { open(); if (!over() && !paused()) refresh(); tick(); }
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => { if (event.persisted) { open(); if (!over() && !paused()) refresh(); } });
  addEventListener("online", () => { close(); failures = 0; polling = 0; later(open, Math.random() * 1000); });
  addEventListener("popstate", () => go(location.href, false));
  setInterval(() => { if (source && Date.now() - heard > SILENCE) dropped(); }, 5000);
  setInterval(tick, 1000);
  tick();
  choose();
  for (const box of all("[data-tail]")) box.scrollTop = box.scrollHeight;
  focusGraph();
  open();
}
