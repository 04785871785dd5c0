/** What the agent says, on its way to the loudspeaker: the carrier's buffer, its marks told as they are played. */

import { CarrierBuffer } from "./carrier.js";
import { decodeInto } from "./codec.js";
import { Resampler } from "./resample.js";

/** The level is told so often, in blocks of 128 frames: about 20 times a second. */
const LEVEL_EVERY = 18;
class Playback extends AudioWorkletProcessor {
  constructor({ processorOptions: { format } }) {
    super();
    this.format = format;
    this.running = true;
    this.frames = 0;
    this.blocks = 0;
    this.peak = 0;
    this.line = new Float32Array(0);
    this.resampler = new Resampler(format.sampleRate, sampleRate);
    // Silence for what the filter holds back, and for rounding between the two rates: no block is ever short.
    this.ready = new Float32Array(Math.ceil(((this.resampler.half + 2) * sampleRate) / format.sampleRate));
    this.carrier = new CarrierBuffer(format, (start, audio) =>
      decodeInto(this.line, (start - this.before) / format.sampleBytes, audio, format),
    );
    this.port.onmessage = ({ data }) => this.#receive(data);
  }

  #receive(data) {
    if (data.payload) this.carrier.play(data.payload);
    if ("mark" in data) this.#tell(this.carrier.mark(data.mark));
    if (data.clear) this.#tell(this.carrier.clear());
    if (data.stop) this.running = false;
  }

  #tell(marks) {
    if (marks.length) this.port.postMessage({ marks });
  }

  process(_, outputs) {
    const out = outputs[0][0];
    this.frames += out.length;
    this.before = this.carrier.now;
    const now = Math.floor((this.frames * this.format.sampleRate) / sampleRate) * this.format.sampleBytes;
    this.line = new Float32Array((now - this.before) / this.format.sampleBytes);
    // Half a sample more: a time in milliseconds must not round to the sample before.
    this.#tell(this.carrier.advance((now + this.format.sampleBytes / 2) / this.carrier.perMs));
    const fresh = this.resampler.push(this.line);
    const all = new Float32Array(this.ready.length + fresh.length);
    all.set(this.ready);
    all.set(fresh, this.ready.length);
    out.set(all.subarray(0, out.length));
    this.ready = all.slice(out.length);
    this.#level(out);
    return this.running;
  }

  #level(out) {
    for (const sample of out) this.peak = Math.max(this.peak, Math.abs(sample));
    this.blocks += 1;
    if (this.blocks % LEVEL_EVERY === 0) {
      this.port.postMessage({ peak: this.peak, bufferedMs: this.carrier.bufferedMs });
      this.peak = 0;
    }
  }
}

registerProcessor("playback", Playback);
