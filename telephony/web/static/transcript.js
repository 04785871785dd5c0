/**
 * The conversation as it happens, made of the journal's lines. What callers, tools and agents say is data: it enters
 * the page as text nodes only.
 */

/** The parts of a turn's wait, in the order of time (agent/summary.py), and what people call them. */
export const STAGES = [
  ["endpointing_ms", "end of turn"],
  ["stt_ms", "hearing"],
  ["llm_ms", "thinking"],
  ["clause_ms", "first clause"],
  ["tts_ms", "voice"],
  ["line_ms", "line"],
];
/** A wait that fills the bar. */
const FULL_BAR_MS = 1200;

const REJECTED = {
  "no text": "a sound, but no words that were understood",
  backchannel: "listening, not a turn",
  echo: "the agent's own voice, come back",
  noise: "a noise",
  short: "a sound, too short to interrupt",
  leaving: "not listened to any more",
  stt: "the recogniser failed",
};

/** Why the agent goes on after all. */
const TOOK_UP = {
  backchannel: "the caller is only listening: the agent goes on",
  noise: "a noise: the agent goes on",
  echo: "its own voice, come back: the agent goes on",
  silence: "nothing more is heard: the agent goes on",
};

export function element(tag, className = "", ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

const clock = (ms) => `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, "0")}`;

/** A tool's arguments in a line: order_number=4712. */
function brief(given) {
  try {
    return Object.entries(JSON.parse(given))
      .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
      .join(" ");
  } catch {
    return String(given ?? ""); // cut, and so no JSON any more
  }
}

export class Transcript {
  constructor(list, scroll, figures) {
    this.list = list;
    this.scroll = scroll;
    this.figures = figures;
    this.following = true; // the last line is kept in sight, until somebody scrolls up
    scroll.addEventListener("scroll", () => {
      this.following = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
    });
    const follow = new ResizeObserver(() => this.#follow());
    follow.observe(scroll);
    follow.observe(list);
    this.clear();
  }

  #follow() {
    if (this.following) this.scroll.scrollTop = this.scroll.scrollHeight;
  }

  clear() {
    this.list.replaceChildren();
    this.figures.textContent = "";
    this.utterances = new Map();
    this.callers = new Map();
    this.answers = new Map();
    this.tools = new Map();
    this.speaking = null;
    this.waits = [];
    this.yielded = null; // the note that the agent fell silent, until it is known whether that was meant
    this.turns = 0;
    this.following = true;
  }

  /** One line of the journal (telephony/web/call_feed.py). */
  take(line) {
    this[TAKERS[line.kind]]?.(line);
  }

  /** A line of our own. */
  note(text, className = "", before = null) {
    this.list.insertBefore(element("li", `note ${className}`, element("span", "", text)), before);
  }

  #bubble(side, at) {
    const text = element("p", "text");
    const item = element("li", `said ${side}`, element("div", "bubble", text), element("time", "", clock(at)));
    this.list.append(item);
    return { item, text };
  }

  // --- the caller

  started({ turn, at }) {
    const made = this.#bubble("caller pending", at);
    made.text.append(element("span", "dots", "• • •"));
    this.callers.set(turn, made);
    this.speaking = made;
  }

  partial({ text }) {
    if (this.speaking && text) this.speaking.text.textContent = text;
  }

  committed({ turn, text, source, at }) {
    const made = this.callers.get(turn) ?? this.#bubble("caller", at);
    made.item.className = `said caller${source === "keys" ? " keys" : ""}`;
    made.text.textContent = text;
    this.callers.set(turn, made); // a turn of keys was not told to begin
    const how = { keys: "keys", both: "voice and keys" }[source];
    if (how) made.item.querySelector("time").textContent = `${how} · ${clock(at)}`;
    if (this.speaking === made) this.speaking = null;
    this.turns += 1;
    this.#count();
  }

  corrected({ turn, text }) {
    const made = this.callers.get(turn);
    if (made) made.text.textContent = text;
  }

  rejected({ turn, reason }) {
    const made = this.callers.get(turn);
    if (!made) return;
    if (this.speaking === made) this.speaking = null;
    made.item.className = "note faint";
    made.item.replaceChildren(element("span", "", REJECTED[reason] ?? reason));
  }

  key({ digit }) {
    const last = this.list.lastElementChild;
    if (last?.classList.contains("pressed")) last.firstChild.append(element("kbd", "", digit));
    else this.list.append(element("li", "note pressed", element("span", "", "pressed ", element("kbd", "", digit))));
  }

  silence() {
    this.note("nothing is heard from the caller", "faint");
  }

  // --- the agent

  clause({ utterance, turn, text, at }) {
    let made = this.utterances.get(utterance);
    if (!made) {
      made = this.#bubble("agent saying", at);
      this.utterances.set(utterance, made);
      if (!this.answers.has(turn)) this.answers.set(turn, made);
    }
    const before = made.text.textContent;
    made.text.append(before && !/\s$/.test(before) ? ` ${text}` : text);
  }

  heard({ utterance, text, said, complete }) {
    const made = this.utterances.get(utterance);
    if (!made) return;
    made.item.classList.remove("saying");
    made.text.textContent = complete ? said : text;
    if (complete) return;
    const rest = said.startsWith(text) ? said.slice(text.length) : ` ${said}`;
    const unheard = element("span", "unheard", rest);
    unheard.title = "Not heard: the caller spoke first.";
    made.text.append(unheard);
    made.item.classList.add("cut");
  }

  yields() {
    this.yielded = this.#before("the caller speaks: the agent waits");
  }

  tookUp({ reason }) {
    this.#settled(TOOK_UP[reason] ?? "the agent goes on");
  }

  bargeIn({ reason }) {
    this.#settled(reason === "key" ? "a key is pressed: the agent stops" : "the caller speaks: the agent stops");
  }

  /** What became of falling silent stands where that did: one line for one thing. */
  #settled(text) {
    const note = this.yielded ?? this.#before("");
    note.firstChild.textContent = text;
    this.yielded = null;
  }

  /** A faint line before what the caller is saying. */
  #before(text) {
    const speaking = this.speaking?.item ?? null;
    this.note(text, "faint", speaking);
    return speaking ? speaking.previousSibling : this.list.lastElementChild;
  }

  latency(line) {
    const whole = line.voice_to_voice_ms;
    this.waits.push(whole);
    this.#count();
    const made = this.answers.get(line.turn);
    if (!made) return;
    const bar = element("span", "bar");
    const parts = [];
    for (const [name, label] of STAGES) {
      const ms = line[name] ?? 0;
      if (ms > 0) {
        const part = element("i", name);
        part.style.width = `${Math.min(100, (100 * ms) / FULL_BAR_MS)}%`;
        bar.append(part);
      }
      parts.push(`${label} ${ms}`);
    }
    const wait = element("div", "wait", bar, element("b", "", `${whole} ms`));
    wait.title = `${parts.join(" + ")} ms`;
    wait.setAttribute("role", "img");
    wait.setAttribute("aria-label", `Answered after ${whole} milliseconds: ${parts.join(", ")}`);
    made.item.querySelector(".bubble").append(wait);
  }

  // --- what it does

  toolCalled({ id, name, arguments: given }) {
    const state = element("span", "state", "…");
    const summary = element("summary", "", element("b", "", name), element("code", "given", brief(given)), state);
    const details = element("details", "", summary);
    this.list.append(element("li", "tool", details));
    this.tools.set(id, { details, state });
  }

  toolReturned({ id, ok, result, took_ms: took }) {
    const made = this.tools.get(id);
    if (!made) return;
    const after = Number.isFinite(took) ? ` · ${Math.round(took)} ms` : "";
    made.state.textContent = ok === false ? `failed${after}` : `done${after}`;
    made.details.classList.toggle("failed", ok === false);
    made.details.append(element("pre", "", typeof result === "string" ? result : JSON.stringify(result)));
  }

  error({ where, message }) {
    this.note(`${where}: ${message}`, "fault");
  }

  #count() {
    const sorted = [...this.waits].sort((a, b) => a - b);
    const median = sorted[Math.ceil(sorted.length / 2) - 1];
    const turns = `${this.turns} ${this.turns === 1 ? "turn" : "turns"}`;
    this.figures.textContent = sorted.length ? `${turns} · median wait ${median} ms` : turns;
  }
}

const TAKERS = {
  "turn.started": "started",
  partial: "partial",
  "turn.committed": "committed",
  "turn.corrected": "corrected",
  "turn.rejected": "rejected",
  "turn.latency": "latency",
  "agent.clause": "clause",
  "agent.heard": "heard",
  "agent.yielded": "yields",
  "agent.took_up": "tookUp",
  barge_in: "bargeIn",
  key: "key",
  "silence.prompt": "silence",
  "tool.called": "toolCalled",
  "tool.returned": "toolReturned",
  error: "error",
};
