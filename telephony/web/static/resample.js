/**
 * Audio from one rate to another, in pieces of any size: a polyphase filter of Kaiser-windowed sincs.
 *
 * Band-limited on the way down (what the lower rate cannot hold is taken out, not folded back) and on the way up (no
 * images). Held back: 24 samples of the lower rate, 1.5 ms at 16000 Hz.
 */

/** Half the filter's length, in samples of the lower rate. */
const HALF = 24;
/** Kaiser's window for about 70 dB of rejection; with HALF the band's edge is 0.18 of the lower rate's half wide. */
const BETA = 6.8;
/** The -6 dB point, as a share of the lower rate's half: all of the edge lies below it and just above. */
const CUTOFF_SHARE = 0.91;

function bessel0(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function gcd(a, b) {
  return b ? gcd(b, a % b) : a;
}

export class Resampler {
  constructor(inHz, outHz) {
    const common = gcd(inHz, outHz);
    this.up = outHz / common;
    this.down = inHz / common;
    this.same = inHz === outHz;
    this.half = Math.ceil(HALF * Math.max(1, inHz / outHz));
    this.taps = this.same ? [] : this.#filter(CUTOFF_SHARE * Math.min(1, outHz / inHz));
    this.kept = new Float32Array(this.half - 1); // silence before the first sample
    this.base = 0; // the next output's base sample, as an index into `kept`, less half - 1
    this.phase = 0;
  }

  /** The next samples at the one rate; what is ready at the other, maybe nothing. */
  push(samples) {
    if (this.same) return samples;
    const width = 2 * this.half;
    const all = new Float32Array(this.kept.length + samples.length);
    all.set(this.kept);
    all.set(samples, this.kept.length);
    const bases = all.length - width + 1; // an output needs `half` samples after its base
    const count = Math.max(0, Math.ceil(((bases - this.base) * this.up - this.phase) / this.down));
    const out = new Float32Array(count);
    for (let n = 0; n < count; n += 1) {
      const taps = this.taps[this.phase];
      let sum = 0;
      for (let j = 0; j < width; j += 1) sum += taps[j] * all[this.base + j];
      out[n] = sum;
      this.phase += this.down;
      this.base += Math.floor(this.phase / this.up);
      this.phase %= this.up;
    }
    const used = Math.min(this.base, all.length);
    this.kept = all.slice(used);
    this.base -= used;
    return out;
  }

  #filter(cutoff) {
    const rows = [];
    for (let phase = 0; phase < this.up; phase += 1) {
      const row = new Float32Array(2 * this.half);
      let total = 0;
      for (let j = 0; j < row.length; j += 1) {
        const offset = j - (this.half - 1) - phase / this.up;
        const share = 1 - (offset / this.half) ** 2;
        const window = share > 0 ? bessel0(BETA * Math.sqrt(share)) / bessel0(BETA) : 0;
        const x = Math.PI * cutoff * offset;
        row[j] = window * cutoff * (Math.abs(x) < 1e-9 ? 1 : Math.sin(x) / x);
        total += row[j];
      }
      for (let j = 0; j < row.length; j += 1) row[j] /= total; // each phase passes a constant unchanged
      rows.push(row);
    }
    return rows;
  }
}
