// A run's page: plays the call, moves along its time line, filters its turns; and the index's sorting.
// Everything it needs is in the page; it asks for nothing, and makes no HTML of any text.
"use strict";

const $ = (id) => document.getElementById(id);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

function clock(ms) {
  const tenths = Math.floor(Math.max(ms, 0) / 100);
  const seconds = Math.floor(tenths / 10) % 60;
  return `${Math.floor(tenths / 600)}:${String(seconds).padStart(2, "0")}.${tenths % 10}`;
}

// One side's sound. Without audio its time goes by the browser's clock, so that the page can be watched.
class Track {
  constructor(id, durationMs) {
    this.durationMs = durationMs;
    this.fromMs = 0;
    this.sinceMs = null;
    this.rate = 1;
    const block = id ? $(id) : null;
    if (block) {
      const text = atob(block.textContent);
      const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
      block.remove();
      this.audio = new Audio(URL.createObjectURL(new Blob([bytes], { type: block.type })));
      this.audio.preload = "auto";
    }
  }

  get ms() {
    if (this.sinceMs === null) return this.fromMs;
    if (this.audio && !this.audio.ended) return this.audio.currentTime * 1000;
    return Math.min(this.fromMs + (performance.now() - this.sinceMs) * this.rate, this.durationMs);
  }

  async play(ms, rate) {
    this.rate = rate;
    this.seek(ms);
    this.sinceMs = performance.now();
    if (!this.audio || this.audio.ended || ms / 1000 >= this.audio.duration) return;
    this.audio.playbackRate = rate;
    await this.audio.play();
  }

  pause() {
    this.fromMs = this.ms;
    this.sinceMs = null;
    this.audio?.pause();
  }

  seek(ms) {
    this.fromMs = ms;
    if (this.sinceMs !== null) this.sinceMs = performance.now();
    if (this.audio) this.audio.currentTime = ms / 1000;
  }

  // At the end of its audio a track goes on by the clock, to the end of the call.
  onEnded(then) {
    this.audio?.addEventListener("ended", () => {
      this.fromMs = this.audio.duration * 1000;
      if (this.sinceMs !== null) this.sinceMs = performance.now();
      then();
    });
  }
}

// Both channels of whatever track plays, each with its own level. A browser without Web Audio plays them as they are.
class Mixer {
  constructor() {
    this.on = { caller: true, agent: true };
    this.stereo = false;
    this.sources = new Map();
  }

  open(track) {
    if (!track.audio || this.sources.has(track)) return;
    const Context = window.AudioContext || window.webkitAudioContext;
    if (!Context) return;
    this.context ??= new Context();
    const source = this.context.createMediaElementSource(track.audio);
    const parts = this.context.createChannelSplitter(2);
    const gains = {};
    const joined = this.context.createChannelMerger(2);
    ["caller", "agent"].forEach((who, channel) => {
      const [left, right] = [this.context.createGain(), this.context.createGain()];
      gains[who] = [left, right];
      parts.connect(left, channel).connect(joined, 0, 0);
      parts.connect(right, channel).connect(joined, 0, 1);
    });
    source.connect(parts);
    joined.connect(this.context.destination);
    this.sources.set(track, gains);
    this.apply();
  }

  apply() {
    for (const gains of this.sources.values()) {
      ["caller", "agent"].forEach((who, channel) => {
        gains[who].forEach((gain, side) => {
          gain.gain.value = this.on[who] && (!this.stereo || side === channel) ? 1 : 0;
        });
      });
    }
  }
}

function openCall(data) {
  const tracks = (data.sounds?.length ? data.sounds : [""]).map((id) => new Track(id, data.duration_ms));
  const mixer = new Mixer();
  const levels = all(".level");
  const [scroller, overview] = [$("scroller"), $("overview")];
  const strip = scroller.querySelector(".head-line");
  const small = overview.querySelector(".head-line");
  const pane = overview.querySelector(".window");
  const rows = all("#turns tbody tr");
  const starts = rows.map((row) => Number(row.dataset.s));
  let [track, level, playing, following, words] = [tracks[0], data.first, false, true, []];
  let atMs = 0;

  const pxPerMs = () => data.scales[level];
  const xOf = (ms) => data.left_px + ms * pxPerMs();

  function gatherWords() {
    words = all("[data-s]", levels[level]).map((node) => ({
      node,
      from: Number(node.dataset.s),
      to: Number(node.dataset.e),
      side: Number(node.closest(".strip").dataset.side),
    }));
  }

  function showWords() {
    const side = tracks.indexOf(track);
    const several = tracks.length > 1;
    for (const word of words) {
      const heard = word.from <= atMs && atMs < word.to && (!several || word.side === side);
      if (heard !== Boolean(word.heard)) {
        word.heard = heard;
        word.node.classList.toggle("heard", heard);
      }
    }
    const last = starts.findLastIndex((start) => start <= atMs);
    rows.forEach((row, index) => row.classList.toggle("heard", index === last && (playing || atMs > 0)));
  }

  function showWindow() {
    const width = overview.clientWidth;
    const scale = width / (data.duration_ms * pxPerMs());
    const left = Math.max(scroller.scrollLeft - data.left_px + 62, 0) * scale;
    pane.style.left = `${left}px`;
    pane.style.width = `${Math.min(scroller.clientWidth * scale, width - left)}px`;
  }

  function show() {
    const x = xOf(atMs);
    strip.style.transform = `translateX(${x}px)`;
    small.style.transform = `translateX(${(overview.clientWidth * atMs) / data.duration_ms}px)`;
    $("now").textContent = clock(atMs);
    overview.setAttribute("aria-valuenow", String(Math.round(atMs / 1000)));
    overview.setAttribute("aria-valuetext", clock(atMs));
    document.body.dataset.ms = String(Math.round(atMs));
    if (following) {
      const [from, width] = [scroller.scrollLeft, scroller.clientWidth];
      const place = x - from;
      if (playing ? place > width * 0.6 || place < 66 : place > width - 40 || place < 66) {
        scroller.scrollLeft = x - (playing && place <= width * 1.2 && place >= 66 ? width * 0.6 : width * 0.3);
      }
    }
    showWords();
    showWindow();
  }

  function frame() {
    if (!playing) return;
    atMs = clamp(track.ms, 0, data.duration_ms);
    if (atMs >= data.duration_ms) pause();
    show();
    requestAnimationFrame(frame);
  }

  async function play() {
    if (playing) return;
    if (atMs >= data.duration_ms - 50) atMs = 0;
    playing = following = true;
    try {
      mixer.open(track);
      await mixer.context?.resume();
      await track.play(atMs, Number($("speed").value));
    } catch (problem) {
      track.audio = null; // this browser does not play this audio: the call is shown without
      await track.play(atMs, Number($("speed").value));
      $("now").title = `no sound: ${problem.message}`;
    }
    $("play").dataset.playing = "";
    $("play").setAttribute("aria-label", "pause");
    requestAnimationFrame(frame);
  }

  function pause() {
    if (!playing) return;
    playing = false;
    track.pause();
    delete $("play").dataset.playing;
    $("play").setAttribute("aria-label", "play");
  }

  function seek(ms) {
    atMs = clamp(ms, 0, data.duration_ms);
    following = true;
    track.seek(atMs);
    show();
  }

  function zoom(step) {
    const next = clamp(level + step, 0, levels.length - 1);
    const place = clamp(xOf(atMs) - scroller.scrollLeft, 70, scroller.clientWidth - 40);
    levels[level].hidden = true;
    level = next;
    levels[level].hidden = false;
    $("out").disabled = level === 0;
    $("in").disabled = level === levels.length - 1;
    gatherWords();
    scroller.scrollLeft = xOf(atMs) - place;
    show();
  }

  function turn(step) {
    const later = starts.filter((start) => start > atMs + 1);
    const earlier = starts.filter((start) => start < atMs - (playing ? 1500 : 1));
    seek(step > 0 ? (later.length ? Math.min(...later) : data.duration_ms) : Math.max(0, ...earlier));
  }

  function toggle(id) {
    const on = $(id).getAttribute("aria-pressed") !== "true";
    $(id).setAttribute("aria-pressed", String(on));
    if (id === "stereo") mixer.stereo = on;
    else mixer.on[id] = on;
    mixer.apply();
  }

  tracks.forEach((one) => one.onEnded(() => one === track && show()));
  $("length").textContent = clock(data.duration_ms);
  $("play").onclick = () => (playing ? pause() : play());
  $("back").onclick = () => turn(-1);
  $("next").onclick = () => turn(1);
  $("in").onclick = () => zoom(1);
  $("out").onclick = () => zoom(-1);
  for (const id of ["caller", "agent", "stereo"]) {
    $(id).onclick = () => toggle(id);
    $(id).disabled = !tracks.some((one) => one.audio);
  }
  $("speed").onchange = () => {
    if (!playing) return;
    pause();
    play();
  };
  if ($("hear")) {
    $("hear").onchange = () => {
      const was = playing;
      pause();
      track = tracks[Number($("hear").value)];
      track.seek(atMs);
      show();
      if (was) play();
    };
  }

  scroller.addEventListener("scroll", showWindow, { passive: true });
  for (const kind of ["wheel", "touchmove", "pointerdown"]) {
    scroller.addEventListener(kind, () => (following = false), { passive: true });
  }
  scroller.addEventListener("click", (event) => {
    const word = event.target.closest("[data-s]");
    const drawn = event.target.closest(".long");
    if (word) seek(Number(word.dataset.s));
    else if (drawn) seek((event.clientX - scroller.getBoundingClientRect().left + scroller.scrollLeft - data.left_px) / pxPerMs());
  });

  const scrub = (event) => {
    const box = overview.getBoundingClientRect();
    seek(((event.clientX - box.left) / box.width) * data.duration_ms);
  };
  overview.addEventListener("pointerdown", (event) => {
    overview.setPointerCapture(event.pointerId);
    scrub(event);
  });
  overview.addEventListener("pointermove", (event) => {
    if (overview.hasPointerCapture(event.pointerId)) scrub(event);
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".seek");
    const row = event.target.closest("#turns tbody tr");
    if (button) seek(Number(button.dataset.seek));
    else if (row && !event.target.closest("a, button, summary, details") && getSelection().isCollapsed) seek(Number(row.dataset.s));
    // Whoever clicks goes on by keys: space then means play, not this button again.
    if (event.detail > 0 && event.target.closest("button")) overview.focus({ preventScroll: true });
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    if ((event.key === " " || event.key === "Enter") && event.target.closest("button, summary, a")) return;
    const far = event.shiftKey ? 10_000 : 2000;
    const keys = {
      " ": () => (playing ? pause() : play()),
      ArrowLeft: () => seek(atMs - far),
      ArrowRight: () => seek(atMs + far),
      p: () => turn(-1),
      n: () => turn(1),
      1: () => toggle("caller"),
      2: () => toggle("agent"),
      "+": () => zoom(1),
      "=": () => zoom(1),
      "-": () => zoom(-1),
    };
    if (event.target === overview) {
      keys.Home = () => seek(0);
      keys.End = () => seek(data.duration_ms);
    }
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  new ResizeObserver(show).observe(scroller);
  zoom(0);
}

function openFilter(rows) {
  const [find, choice, shown] = [$("find"), $("show"), $("shown")];
  const filter = () => {
    const text = find.value.trim().toLowerCase();
    const tag = choice ? choice.value : "";
    let count = 0;
    for (const row of rows) {
      const fits = (!tag || row.dataset.tags.split(" ").includes(tag)) && (!text || row.textContent.toLowerCase().includes(text));
      row.hidden = !fits;
      count += fits;
    }
    shown.textContent = text || tag ? `${count} of ${rows.length}` : "";
  };
  find.addEventListener("input", filter);
  choice?.addEventListener("change", filter);
}

function openSorting(table) {
  const heads = all("th", table);
  const body = table.tBodies[0];
  heads.forEach((head, column) => {
    head.querySelector(".sort").onclick = () => {
      const text = head.dataset.by === "text";
      const up = head.getAttribute("aria-sort") === (text ? "ascending" : "descending") ? -1 : 1;
      const ascending = text ? up > 0 : up < 0;
      for (const other of heads) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      const value = (row) => row.cells[column].dataset.v;
      const order = (a, b) => (text ? value(a).localeCompare(value(b), undefined, { numeric: true }) : Number(value(a)) - Number(value(b)));
      body.append(...all("tr", body).sort((a, b) => order(a, b) * (ascending ? 1 : -1)));
    };
  });
}

if (document.body.dataset.kind === "index") {
  openSorting($("calls"));
  openFilter(all("#calls tbody tr"));
} else {
  const data = $("data");
  if (data) openCall(JSON.parse(data.textContent));
  if ($("turns")) openFilter(all("#turns tbody tr"));
}
