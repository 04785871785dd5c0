/**
 * The carrier's side of one media stream: playback buffer, marks, `clear`. The twin of media_stream/carrier.py.
 *
 * Time is milliseconds since the stream began and never runs backwards; within, it is counted in bytes of audio on the
 * wire, so the play head moves sample by sample. Nothing here knows a socket, a clock or an audio device.
 */

/** So much audio is held; what comes beyond is thrown away, as Twilio does (its warning 31931). */
export const BUFFER_MS = 600_000;

export class CarrierBuffer {
  /**
   * @param {{sampleRate: number, sampleBytes: number}} format of the audio on the wire
   * @param {(start: number, audio: Uint8Array) => void} onHeard called with each piece as it is played: where it
   *   starts, in bytes since the stream began, and its bytes
   */
  constructor(format, onHeard = () => {}) {
    this.sampleBytes = format.sampleBytes;
    this.perMs = (format.sampleRate * format.sampleBytes) / 1000;
    this.onHeard = onHeard;
    this.droppedBytes = 0;
    this.now = 0;
    this.end = 0; // where the buffered audio will have been played
    this.buffer = []; // [start, audio], contiguous; the first may be partly played
    this.marks = []; // [due, name], ascending
  }

  /** Queue audio for the caller. */
  play(audio) {
    let payload = audio.subarray(0, audio.length - (audio.length % this.sampleBytes));
    const start = Math.max(this.end, this.now);
    const room = this.now + BUFFER_MS * this.perMs - start;
    if (payload.length > room) {
      this.droppedBytes += payload.length - room;
      payload = payload.subarray(0, room);
    }
    if (payload.length) {
      this.buffer.push([start, payload]);
      this.end = start + payload.length;
    }
  }

  /** A mark behind what is queued. Returns the marks that are due now. */
  mark(name) {
    this.marks.push([Math.max(this.end, this.now), name]);
    return this.#due();
  }

  /** Throw away what has not been played. Returns all pending marks, as Twilio does. */
  clear() {
    this.buffer = [];
    this.end = Math.min(this.end, this.now);
    return this.marks.splice(0).map(([, name]) => name);
  }

  /** Play up to `nowMs`. Returns the names of the marks whose audio has now been heard, in order. */
  advance(nowMs) {
    const now = Math.trunc((nowMs * this.perMs) / this.sampleBytes) * this.sampleBytes;
    if (now <= this.now) return [];
    const before = this.now;
    this.now = now;
    while (this.buffer.length) {
      const [start, audio] = this.buffer[0];
      const first = Math.max(before, start) - start;
      const last = Math.min(now - start, audio.length);
      if (last > first) this.onHeard(start + first, audio.subarray(first, last));
      if (last < audio.length) break;
      this.buffer.shift();
    }
    return this.#due();
  }

  /** How much waits to be played. */
  get bufferedMs() {
    return Math.max(0, this.end - this.now) / this.perMs;
  }

  #due() {
    let count = 0;
    while (count < this.marks.length && this.marks[count][0] <= this.now) count += 1;
    return this.marks.splice(0, count).map(([, name]) => name);
  }
}
