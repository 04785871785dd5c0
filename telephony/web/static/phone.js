/** The browser phone: the page's controls around one call at a time. */

import { Call, CallFailed, GONE } from "./call.js";
import { STAGES, Transcript, element } from "./transcript.js";

const $ = (id) => document.getElementById(id);
const transcript = new Transcript($("transcript"), $("scroll"), $("figures"));
const KEYS = [..."123456789*0#"];
const LETTERS = { 2: "ABC", 3: "DEF", 4: "GHI", 5: "JKL", 6: "MNO", 7: "PQRS", 8: "TUV", 9: "WXYZ", 0: "+" };
/** A meter shows this range below full scale. */
const METER_DB = 50;

let call = null;
let began = 0;
let connected = false;
const levels = { caller: 0, agent: 0 };

const plainName = (name) => (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll("-", " ");

function show(state, status) {
  document.body.dataset.state = state;
  $("status").textContent = status;
  const busy = state === "ringing" || state === "talking";
  $("call-label").textContent = busy ? "Hang up" : connected ? "Call again" : "Call";
  $("mute").disabled = !busy;
  for (const field of $("choices").elements) field.disabled = busy;
  for (const key of $("keypad").children) key.disabled = state !== "talking";
}

function tell(problem) {
  $("problem").textContent = problem;
  $("problem").hidden = !problem;
}

async function ring() {
  const choice = Object.fromEntries(new FormData($("choices")));
  const one = new Call({ agent: choice.agent ?? "", format: choice.format }, {
    event: (line) => {
      if (line.kind === "call.started" && line.record === "full" && call === one) $("status").textContent = "In call · recorded";
      transcript.take(line);
    },
    connected: () => {
      connected = true;
      began = performance.now();
      show("talking", "In call");
    },
    level: (side, peak) => {
      levels[side] = Math.max(levels[side], peak);
    },
    ended: (why) => over(one, why),
  });
  call = one;
  connected = false;
  tell("");
  transcript.clear();
  $("empty").hidden = true;
  setMuted(false);
  $("clock").textContent = "";
  show("ringing", "Calling …");
  try {
    await one.start();
  } catch (error) {
    if (call !== one) return; // given up, or called again since
    call = null;
    $("empty").hidden = false;
    show("over", "Not connected");
    tell(error instanceof CallFailed ? error.message : `The call failed: ${error.message}`);
    if (!(error instanceof CallFailed)) throw error;
  }
}

function over(one, { kind, text }) {
  if (call !== one) return;
  call = null;
  levels.caller = levels.agent = 0;
  show("over", "Call ended");
  transcript.note(text, `end ${kind}`);
  if (kind === "lost" || kind === "fault") tell(text);
}

function setMuted(muted) {
  $("mute").setAttribute("aria-pressed", String(muted));
  $("mute").querySelector("span").textContent = muted ? "Muted" : "Mute";
  call?.setMuted(muted);
}

function press(digit) {
  if (document.body.dataset.state !== "talking") return;
  call.press(digit);
  const key = $("keypad").children[KEYS.indexOf(digit)];
  key.classList.remove("struck");
  key.offsetWidth; // so that a key struck twice flashes twice
  key.classList.add("struck");
}

function draw() {
  for (const side of ["caller", "agent"]) {
    const db = levels[side] > 0 ? 20 * Math.log10(levels[side]) : -METER_DB;
    const share = Math.max(0, Math.min(1, 1 + db / METER_DB));
    $(`level-${side}`).style.transform = `scaleX(${share})`;
    if (side === "agent") $("face").style.setProperty("--level", share);
    levels[side] *= 0.86;
  }
  if (document.body.dataset.state === "talking") {
    const s = Math.floor((performance.now() - began) / 1000);
    $("clock").textContent = `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
  }
  requestAnimationFrame(draw);
}

async function listAgents() {
  try {
    const { agents } = await (await fetch("/phone/agents")).json();
    $("agent").replaceChildren(...agents.map((name) => Object.assign(element("option", "", plainName(name)), { value: name })));
    $("agent-choice").hidden = agents.length < 2;
    named();
  } catch {
    tell(GONE);
  }
}

function named() {
  const name = plainName($("agent").value || "Offhook");
  $("agent-name").textContent = name;
  $("initials").textContent = name.split(" ").map((word) => word.charAt(0).toUpperCase()).slice(0, 2).join("");
  document.title = `${name} – Offhook phone`;
}

// --- wiring

for (const digit of KEYS) {
  const key = element("button", "key", element("b", "", digit), element("small", "", LETTERS[digit] ?? ""));
  key.type = "button";
  key.dataset.digit = digit;
  key.setAttribute("aria-label", { "*": "star", "#": "hash" }[digit] ?? digit);
  key.addEventListener("click", () => press(digit));
  $("keypad").append(key);
}
for (const [name, label] of STAGES) $("legend").append(element("span", "", element("i", name), label));

$("call").addEventListener("click", () => (call ? call.hangUp() : ring()));
$("mute").addEventListener("click", () => setMuted($("mute").getAttribute("aria-pressed") !== "true"));
$("keys").addEventListener("click", () => {
  const shown = document.body.classList.toggle("with-keys");
  $("keys").setAttribute("aria-expanded", String(shown));
});
$("agent").addEventListener("change", named);
$("choices").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, input")) return;
  if (KEYS.includes(event.key)) press(event.key);
  else if (event.key.toLowerCase() === "m" && call) setMuted($("mute").getAttribute("aria-pressed") !== "true");
});
window.addEventListener("pagehide", () => call?.hangUp());

show("idle", "Ready");
listAgents();
requestAnimationFrame(draw);
