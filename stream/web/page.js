/** The page: what arrives from one channel, on the stage and in the panels. */

import { Chat } from "./chat.js";
import { Desk } from "./desk.js";
import { carryToken } from "./download.js";
import { bar, LatencyPanel, milliseconds } from "./latency.js";
import { Microphone } from "./microphone.js";
import { newId, Ontime } from "./ontime.js";
import { element } from "./roll.js";
import { Lines, put } from "./stage.js";
import { Subtitles } from "./subtitles.js";
import { Track } from "./track.js";
import { clock, Transcript } from "./transcript.js";

const SILENT_MS = 5_000;
const CHANNEL = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;

const STATES = {
  connecting: "connecting",
  live: "connected",
  waiting: "connection lost, trying again",
  closed: "closed",
};

const at = (id) => document.getElementById(id);
const stage = new Lines(at("lines"));
const subtitles = new Subtitles({
  menu: at("subtitles"),
  label: at("subtitles-label"),
  lane: at("lane"),
  lines: at("lane-lines"),
  wished: new URLSearchParams(location.search).get("subtitles") ?? "",
  chosen(language) {
    history.replaceState(null, "", address({ subtitles: language }));
    draw();
  },
});
const transcript = new Transcript(at("transcript"));
const latency = new LatencyPanel(at);

let channel = "";
let captions = new Track();
let newest;
let drawing = false;
let silence = 0;

const token = takeToken();
const client = new Ontime({ url: streamUrl(), token });
const chat = new Chat({
  list: at("posts"),
  form: at("post-form"),
  status: at("verdict"),
  ask: (text, author, post, budgetMs) =>
    client.gate(channel, text, { author, post, budgetMs, publish: true }),
  newId,
});
const desk = new Desk({ at, decide: (post, action) => client.decide(channel, post, action) });
const microphone = new Microphone({
  button: at("microphone"),
  status: at("microphone-status"),
  connect: () => ({ url: streamUrl(), protocols: token ? ["ontime.v1", `bearer.${token}`] : ["ontime.v1"] }),
  channel: () => channel,
  occupied: () => at("stage").dataset.air === "live",
});

function streamUrl() {
  const url = new URL("v1/stream", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = url.hash = "";
  return url.href;
}

/** From `#token=…`: a fragment is sent to nobody; it is taken off the address at once. */
function takeToken() {
  const taken = new URLSearchParams(location.hash.slice(1)).get("token");
  if (taken) history.replaceState(null, "", location.pathname + location.search);
  return taken;
}

/** At most one drawing a frame, with the newest of everything. */
function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    const shown = captions.last(3);
    stage.show(shown);
    at("idle").hidden = shown.length > 0;
    subtitles.draw();
    if (newest) drawStatus(newest);
    latency.draw();
  });
}

function drawStatus(caption) {
  put(at("timecode").lastElementChild, clock(caption.audio_end));
  put(at("rung"), caption.rung);
  at("rung").dataset.rung = caption.rung;
  put(at("spoken-language"), caption.language);
  at("rung").hidden = at("spoken-language").hidden = false;
  at("late").hidden = !caption.late;
  at("degraded").hidden = !caption.degraded;
  at("now-bar").replaceChildren(
    bar(caption.latency, caption.budget_ms, caption.late),
    element("span", "ms", `${milliseconds(caption.latency.total_ms)} of ${caption.budget_ms} ms`),
  );
}

function air(state, words) {
  clearTimeout(silence);
  at("stage").dataset.air = state;
  put(at("air"), words);
  if (state === "live") silence = setTimeout(() => air("silent", "silent"), SILENT_MS);
}

/** Finals only: a screen reader that hears every revision hears nothing. */
function announce({ text, language }) {
  const said = element("p", "", text.slice(0, 1000));
  said.lang = language;
  at("announcer").append(said);
  if (at("announcer").childElementCount > 5) at("announcer").firstElementChild.remove();
}

function watch(name) {
  if (channel) client.unsubscribe(channel);
  channel = name;
  microphone.moved(name);
  captions = new Track();
  newest = undefined;
  for (const view of [stage, subtitles, transcript, latency, chat, desk]) view.clear();
  put(at("notice"), "");
  air("silent", "silent");
  delete at("stage").dataset.channel;
  put(at("slate-channel"), name);
  at("channel").value = name;
  document.title = `${name} · Ontime`;
  for (const form of ["vtt", "srt", "txt"]) at(form).href = `v1/channels/${encodeURIComponent(name)}/captions.${form}`;
  client.subscribe(name);
  draw();
}

/** This page's address, with these parameters in place of its own. */
function address(changes) {
  const parameters = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value) parameters.set(name, value);
    else parameters.delete(name);
  }
  return `?${parameters}`;
}

function fromAddress() {
  const asked = new URLSearchParams(location.search).get("channel") ?? "demo";
  watch(CHANNEL.test(asked) ? asked : "demo");
}

function captionsOnly(on) {
  document.body.classList.toggle("captions-only", on);
  at("captions-only").ariaPressed = String(on);
  if (on) document.documentElement.requestFullscreen?.().catch(() => {});
  else if (document.fullscreenElement) document.exitFullscreen();
}

const heard = {
  state({ state, code, reason, retryMs }) {
    at("connection").dataset.state = state;
    put(at("connection").firstElementChild, state === "refused" ? `refused: ${reason || code}` : STATES[state]);
    put(at("link"), state === "waiting" ? `next try in ${Math.ceil(retryMs / 1000)} s` : "");
    if (state === "live") return;
    delete at("stage").dataset.channel;
    air("silent", "silent");
  },
  pong({ rttMs }) {
    put(at("link"), `round trip ${milliseconds(rttMs)} ms`);
  },
  subscribed({ channel: heardNow, lost, moderator }) {
    at("stage").dataset.channel = heardNow;
    if (moderator !== undefined) desk.open(moderator);
    if (!lost) return;
    desk.clear();
    for (const track of [captions, subtitles]) track.dropPartials();
    transcript.note("Some captions were lost here.");
    draw();
  },
  caption(message) {
    if (!captions.apply(message)) return;
    newest = message;
    latency.add(message);
    air("live", "on air");
    if (message.final) {
      transcript.add(message);
      if (message.text) announce(message);
    }
    draw();
  },
  translation(message) {
    subtitles.add(message);
    draw();
  },
  retract({ segment, post, reason }) {
    if (post) {
      chat.retract(post, reason);
      desk.retract(post);
    }
    if (!segment) return;
    for (const track of [captions, subtitles]) track.retract(segment);
    transcript.retract(segment, reason);
    draw();
  },
  gap({ start, end, reason }) {
    transcript.note(`${clock(start)} to ${clock(end)} was not captioned: ${reason}`);
  },
  stale({ since_ms: sinceMs, over }) {
    put(at("notice"), over ? "" : `Captions are ${Math.round(sinceMs / 1000)} s old; they go on when the service is back.`);
    air(over ? "silent" : "stale", over ? "silent" : "stale");
  },
  error({ message }) {
    put(at("notice"), message);
  },
  post(message) {
    chat.allow(message);
    desk.allow(message);
  },
  review(message) {
    chat.review(message);
    desk.review(message);
  },
  decision(message) {
    chat.decide(message);
    desk.decision(message);
  },
};

for (const [type, hear] of Object.entries(heard)) {
  client.addEventListener(type, ({ detail }) => hear(detail));
}

at("channel-form").addEventListener("submit", (event) => {
  event.preventDefault();
  history.pushState(null, "", address({ channel: at("channel").value }));
  fromAddress();
});
addEventListener("popstate", fromAddress);
carryToken([at("vtt"), at("srt"), at("txt")], token, (told) => put(at("notice"), told));
at("captions-only").addEventListener("click", () => captionsOnly(true));
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
  if (event.key === "f" || event.key === "F") captionsOnly(!document.body.classList.contains("captions-only"));
  if (event.key === "Escape") captionsOnly(false);
});
at("stage").addEventListener("click", () => {
  if (document.body.classList.contains("captions-only")) captionsOnly(false);
});
document.addEventListener("fullscreenchange", () => document.fullscreenElement || captionsOnly(false));

document.body.classList.toggle("captions-only", new URLSearchParams(location.search).get("view") === "captions");
fromAddress();
