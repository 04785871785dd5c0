/**
 * One call: microphone and loudspeaker joined to the service over the media-stream protocol, as a carrier speaks it.
 *
 * Messages are Twilio's to the letter (counters as strings, numbers in mediaFormat as numbers), but for the declared
 * format, which may be audio/l16 at 16000 Hz.
 */

import { FORMATS, fromBase64, toBase64 } from "./codec.js";

/** The service closes a call that it has ended; if it does not, after `stop`, we do. */
const CLOSE_AFTER_MS = 1500;
/** An upgrade that takes longer has failed. */
const OPEN_WITHIN_MS = 8000;
/**
 * The agent's own voice must not come back to it. What else browsers do to speech is meant for ears, not recognisers:
 * in Chromium, suppression took half of a first word, and gain control drove one that followed silence to full scale.
 */
const AUDIO = { echoCancellation: true, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
const ACCOUNT_SID = `AC${"0".repeat(32)}`;

/** What went wrong, in words for whoever sits before the page. */
export class CallFailed extends Error {}

/** The service, or the proxy before it, is not there. */
export const GONE = "The service does not answer. Is `offhook serve` running?";
const PROXY_ALONE = [502, 503, 504];

const MICROPHONE_ERRORS = {
  NotAllowedError: "The browser was not allowed to use the microphone. Allow it (beside the page's address), then call again.",
  NotFoundError: "No microphone was found. Connect one, then call again.",
  NotReadableError: "The microphone cannot be opened: another program may be using it.",
};

async function openMicrophone() {
  if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) {
    throw new CallFailed(
      "Browsers give the microphone to secure pages only. Open this page over https, or on the machine itself as http://127.0.0.1.",
    );
  }
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: AUDIO });
  } catch (error) {
    throw new CallFailed(MICROPHONE_ERRORS[error.name] ?? `The microphone cannot be opened (${error.name}).`);
  }
}

async function askForCall(agent) {
  let response;
  try {
    const headers = { "Content-Type": "application/json" };
    response = await fetch("/phone/calls", { method: "POST", headers, body: JSON.stringify({ agent }) });
  } catch {
    throw new CallFailed(GONE);
  }
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  if (!problem.error && PROXY_ALONE.includes(response.status)) throw new CallFailed(GONE);
  throw new CallFailed(problem.error ?? `The service refused the call (status ${response.status}).`);
}

async function loadWorklets(context) {
  const addresses = ["capture", "playback"].map((name) => `/phone/static/${name}.worklet.js`);
  try {
    await Promise.all(addresses.map((address) => context.audioWorklet.addModule(address)));
  } catch (error) {
    // A browser says no more than that it could not load them.
    const answer = await fetch(addresses[0]).catch(() => null);
    if (!answer || PROXY_ALONE.includes(answer.status)) throw new CallFailed(GONE);
    throw error;
  }
}

export class Call {
  /**
   * @param {{agent: string, format: "wide" | "telephone"}} choice
   * @param {object} on `event(line)` for each line of the journal, `connected(call)`, `level(side, peak)`,
   *   `ended({kind, text})` once
   */
  constructor(choice, on) {
    this.choice = choice;
    this.format = FORMATS[choice.format];
    this.on = on;
    this.muted = false;
    this.sequence = 0;
    this.chunk = 0;
    this.over = false;
    this.leave = null;
    this.streamSid = `MZ${[...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("")}`;
  }

  /** Ring. Throws CallFailed; nothing is left open then. */
  async start() {
    try {
      this.context = new AudioContext({ latencyHint: "interactive" });
      this.microphone = await openMicrophone();
      if (this.over) throw new CallFailed("The call was given up.");
      await this.context.resume();
      await loadWorklets(this.context);
      const { call, media, events } = await askForCall(this.choice.agent);
      if (this.over) throw new CallFailed("The call was given up.");
      this.callSid = call;
      this.#listen(events);
      await this.#open(media);
    } catch (error) {
      this.#release();
      if (error instanceof CallFailed) throw error;
      console.error(error);
      throw new CallFailed(`This browser cannot hold the call (${error.name}: ${error.message}).`);
    }
  }

  setMuted(muted) {
    this.muted = muted;
    this.capture?.port.postMessage({ muted });
  }

  press(digit) {
    this.#send("dtmf", { dtmf: { track: "inbound_track", digit } });
  }

  /** The caller hangs up. */
  hangUp() {
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.#send("stop", { stop: { accountSid: ACCOUNT_SID, callSid: this.callSid } });
      this.#end({ kind: "you", text: "You hung up." });
    } else {
      this.#end({ kind: "you", text: "The call was given up." });
    }
  }

  // --- the socket

  #open(path) {
    const address = new URL(path, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    this.socket = socket;
    return new Promise((resolve, reject) => {
      const failed = () => reject(new CallFailed("The call could not be connected: the service did not take it."));
      const timer = setTimeout(() => (socket.close(), failed()), OPEN_WITHIN_MS);
      socket.onopen = () => {
        clearTimeout(timer);
        this.#connected();
        resolve();
      };
      socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
      socket.onclose = (event) => {
        clearTimeout(timer);
        failed();
        if (this.capture) this.#closed(event);
      };
    });
  }

  #connected() {
    this.socket.send(JSON.stringify({ event: "connected", protocol: "Call", version: "1.0.0" }));
    const { encoding, sampleRate, channels } = this.format;
    this.#send("start", {
      start: {
        accountSid: ACCOUNT_SID,
        streamSid: this.streamSid,
        callSid: this.callSid,
        tracks: ["inbound"],
        mediaFormat: { encoding, sampleRate, channels },
        customParameters: {},
      },
    });
    const processorOptions = { format: this.format, muted: this.muted };
    const options = { numberOfOutputs: 1, outputChannelCount: [1], processorOptions };
    this.capture = new AudioWorkletNode(this.context, "capture", { ...options, channelCount: 1, channelCountMode: "explicit" });
    this.capture.port.onmessage = ({ data }) => this.#sendAudio(data);
    this.playback = new AudioWorkletNode(this.context, "playback", { ...options, numberOfInputs: 0 });
    this.playback.port.onmessage = ({ data }) => this.#played(data);
    this.context.createMediaStreamSource(this.microphone).connect(this.capture);
    this.capture.connect(this.context.destination); // says nothing, but is asked for its frames
    this.playback.connect(this.context.destination);
    this.on.connected(this);
  }

  #send(event, body) {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.sequence += 1;
    const message = { event, sequenceNumber: String(this.sequence), ...body, streamSid: this.streamSid };
    this.socket.send(JSON.stringify(message));
  }

  #sendAudio({ payload, peak }) {
    if (this.over) return;
    const timestamp = String(this.chunk * 20);
    this.chunk += 1;
    this.#send("media", {
      media: { track: "inbound", chunk: String(this.chunk), timestamp, payload: toBase64(payload) },
    });
    this.on.level("caller", peak);
  }

  #receive(message) {
    if (message.streamSid !== this.streamSid || !this.playback) return;
    if (message.event === "media") {
      const payload = fromBase64(message.media.payload);
      this.playback.port.postMessage({ payload }, [payload.buffer]);
    } else if (message.event === "mark") {
      this.playback.port.postMessage({ mark: message.mark.name });
    } else if (message.event === "clear") {
      this.playback.port.postMessage({ clear: true });
    }
  }

  #played({ marks = [], peak }) {
    for (const name of marks) this.#send("mark", { mark: { name } });
    if (peak !== undefined) this.on.level("agent", peak);
  }

  #closed({ code }) {
    if (this.leave) {
      this.#end({ kind: "agent", text: leaving(this.leave) });
    } else if (code === 1000) {
      // The journal's last lines may be on their way still: they say why.
      setTimeout(() => this.#end({ kind: "agent", text: this.leave ? leaving(this.leave) : "The service ended the call." }), 400);
    } else if (code === 1011 || code === 1002) {
      this.#end({ kind: "fault", text: "The call failed in the service; its log says why." });
    } else {
      this.#end({ kind: "lost", text: "The connection to the service was lost." });
    }
  }

  // --- what the service tells of the call

  #listen(address) {
    this.events = new EventSource(address);
    this.events.onmessage = ({ data }) => {
      const line = JSON.parse(data);
      if (line.kind === "leave") this.leave = line;
      this.on.event(line);
      if (line.kind === "call.ended") this.events.close();
    };
    this.events.addEventListener("over", () => this.events.close());
  }

  // --- the end

  #end(why) {
    if (this.over) return;
    this.over = true;
    this.#release();
    this.on.ended(why);
  }

  #release() {
    this.over = true;
    for (const node of [this.capture, this.playback]) node?.port.postMessage({ stop: true });
    for (const track of this.microphone?.getTracks() ?? []) track.stop();
    this.context?.close().catch(() => {});
    const { socket, events } = this;
    if (socket && socket.readyState <= WebSocket.OPEN) setTimeout(() => socket.close(1000), socket.readyState ? CLOSE_AFTER_MS : 0);
    // The last lines (what was heard, how it ended) come after the end; then the service ends them.
    if (events) setTimeout(() => events.close(), 5000);
  }
}

/** Why an agent hangs up, by the reason that the journal gives; any other needs no words. */
const BECAUSE = {
  "no input": "it heard nothing",
  "call too long": "the call was as long as a call may be",
  "service stopped": "the service is stopping",
  trouble: "something failed; the service's log says what",
};

function leaving({ type, to, reason }) {
  if (type === "Transfer") {
    return `The agent transferred the call to ${to}. A browser cannot be put through; a telephone would be.`;
  }
  if (type === "SendDigits") return "The agent left to send digits. A browser cannot follow; a telephone would.";
  return BECAUSE[reason] ? `The agent hung up: ${BECAUSE[reason]}.` : "The agent hung up.";
}
