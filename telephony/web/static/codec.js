/** The two formats of the line, as bytes on the wire: mu-law at 8000 Hz (G.711), 16-bit big-endian at 16000 Hz. */

export const FORMATS = {
  wide: { encoding: "audio/l16", sampleRate: 16000, channels: 1, sampleBytes: 2 },
  telephone: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1, sampleBytes: 1 },
};

const BIAS = 0x84;
const CLIP = 32635;

const ULAW_TO_PCM = Int16Array.from({ length: 256 }, (_, code) => {
  const bits = ~code & 0xff;
  const magnitude = (((bits & 0x0f) << 3) + BIAS) << ((bits >> 4) & 7);
  return bits & 0x80 ? BIAS - magnitude : magnitude - BIAS;
});

function toUlaw(sample) {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), CLIP) + BIAS;
  const exponent = Math.max(0, 24 - Math.clz32(magnitude));
  return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0f)) & 0xff;
}

const clamped = (value) => Math.max(-32768, Math.min(32767, Math.round(value * 32768)));

/** Samples of -1 to 1 -> bytes on the wire. */
export function encode(samples, format) {
  const bytes = new Uint8Array(samples.length * format.sampleBytes);
  if (format.sampleBytes === 1) {
    for (let i = 0; i < samples.length; i += 1) bytes[i] = toUlaw(clamped(samples[i]));
  } else {
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < samples.length; i += 1) view.setInt16(2 * i, clamped(samples[i]), false);
  }
  return bytes;
}

/** Bytes on the wire -> samples of -1 to 1, written into `out` from `at` on. */
export function decodeInto(out, at, bytes, format) {
  if (format.sampleBytes === 1) {
    for (let i = 0; i < bytes.length; i += 1) out[at + i] = ULAW_TO_PCM[bytes[i]] / 32768;
  } else {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; 2 * i + 1 < bytes.length; i += 1) out[at + i] = view.getInt16(2 * i, false) / 32768;
  }
}

export function toBase64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

export function fromBase64(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
