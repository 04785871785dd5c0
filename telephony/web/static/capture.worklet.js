/** The microphone on its way to the line: resampled, cut into frames of 20 ms, as bytes on the wire. */

import { encode } from "./codec.js";
import { Resampler } from "./resample.js";

const FRAME_MS = 20;

class Capture extends AudioWorkletProcessor {
  constructor({ processorOptions: { format, muted } }) {
    super();
    this.format = format;
    this.resampler = new Resampler(sampleRate, format.sampleRate);
    this.frame = new Float32Array((format.sampleRate * FRAME_MS) / 1000);
    this.filled = 0;
    this.muted = muted;
    this.running = true;
    this.port.onmessage = ({ data }) => {
      if ("muted" in data) this.muted = data.muted;
      if (data.stop) this.running = false;
    };
  }

  process(inputs, outputs) {
    // A carrier sends without pause: without a microphone, or muted, it sends silence.
    const heard = inputs[0][0] ?? new Float32Array(outputs[0][0].length);
    for (const sample of this.resampler.push(heard)) {
      this.frame[this.filled] = this.muted ? 0 : sample;
      this.filled += 1;
      if (this.filled === this.frame.length) this.#send();
    }
    return this.running;
  }

  #send() {
    let peak = 0;
    for (const sample of this.frame) peak = Math.max(peak, Math.abs(sample));
    const payload = encode(this.frame, this.format);
    this.port.postMessage({ payload, peak }, [payload.buffer]);
    this.filled = 0;
  }
}

registerProcessor("capture", Capture);
