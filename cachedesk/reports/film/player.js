// The player: one position in time, and everything drawn for it.
const SPEEDS = [1, 2, 4, 8, 16, 32];
const SKIP = 5000;
const ends = { slider: byId("slider"), play: byId("play"), clock: byId("clock") };
const narrow = matchMedia("(max-width: 720px)");
let position = 0, speed = 1, playing = false, before = 0, frame = -1;

const charts = CHARTS.map((spec, number) => new Chart(spec, number, (moment) => seek(moment)));
const keys = new Keys(document.querySelector("#keys tbody"));
const list = new Events(document.querySelector("#events ol"), (moment) => goTo(frameFrom(moment)));
const places = new Places(byId("places"), byId("stake"));
let flow = null;

function show() {
  const now = placeAt(frameTimes, position);
  const moved = now !== frame;
  frame = now;
  for (const chart of charts) chart.show(position);
  say(ends.clock, `${clock(position)} / ${clock(length)}`);
  if (!moved) return;
  const [sentence, tone] = scenes.sentence[frame], [verdict, balanced] = scenes.verdict[frame];
  say(byId("sentence"), sentence);
  look(byId("sentence"), tone);
  const [accepted, applied, pending, dead] = scenes.books.map((column) => grouped(column[frame]));
  const terms = [["", accepted, "accepted"], ["=", applied, "applied"], ["+", pending, "pending"], ["+", dead, "dead"]];
  byId("books").replaceChildren(
    ...terms.map(([sign, count, name]) =>
      make("span", { class: "term" }, sign && `${sign} `, make("b", {}, count), make("small", {}, ` ${name}`))),
    make("span", { class: balanced ? "well" : "broken" }, `${balanced ? "✓" : "✗"} ${verdict}`));
  byId("books").className = balanced ? "" : "alarm";
  flow.show(frame);
  places.show(frame);
  keys.show(frame);
  list.show(frameTimes[frame]);
  ends.slider.value = frame;
  ends.slider.setAttribute("aria-valuetext", `${clock(position)} of ${clock(length)}: ${sentence}`);
}

function seek(moment) {
  position = Math.min(length, Math.max(0, moment));
  show();
}

const goTo = (place) => seek(frameTimes[Math.min(frames - 1, Math.max(0, place))]);

function step(places) {
  setPlaying(false);
  goTo(frame + places);
}

function setPlaying(is) {
  if (is && !playing && position >= length) seek(0);
  playing = is;
  document.body.classList.toggle("playing", is);
  say(ends.play, is ? "❚❚" : "▶");
  ends.play.setAttribute("aria-label", is ? "Pause" : "Play");
  if (is) {
    before = performance.now();
    requestAnimationFrame(move);
  }
}

function move(now) {
  if (!playing) return;
  // A page in the background gets no frames: it goes on where it was, not where time is.
  const passed = Math.min(250, Math.max(0, now - before));
  before = now;
  seek(position + passed * speed);
  if (position >= length) setPlaying(false); else requestAnimationFrame(move);
}

function setSpeed(wanted) {
  speed = wanted;
  for (const button of byId("speeds").children) {
    button.setAttribute("aria-pressed", String(Number(button.value) === speed));
  }
}

function goToFault(way) {
  const starts = faults.map((fault) => frameTimes[frameFrom(fault.start)]);
  const now = frameTimes[frame];
  const found = way > 0 ? starts.find((at) => at > now) : starts.filter((at) => at < now).pop();
  if (found !== undefined) seek(found);
}

function toggleHelp() {
  const box = byId("keyboard");
  box.hidden = !box.hidden;
  byId("help").setAttribute("aria-expanded", String(!box.hidden));
}

function toggleLook() {
  const root = document.documentElement;
  root.dataset.look = root.dataset.look === "dark" ? "light" : "dark";
}

const KEYS = {
  " ": () => setPlaying(!playing),
  ArrowLeft: (event) => (event.shiftKey ? seek(position - SKIP) : step(-1)),
  ArrowRight: (event) => (event.shiftKey ? seek(position + SKIP) : step(1)),
  Home: () => goTo(0),
  End: () => goTo(frames - 1),
  n: () => goToFault(1),
  p: () => goToFault(-1),
  "[": () => setSpeed(SPEEDS[Math.max(0, SPEEDS.indexOf(speed) - 1)]),
  "]": () => setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, SPEEDS.indexOf(speed) + 1)]),
  d: toggleLook,
  "?": toggleHelp,
  ...Object.fromEntries(SPEEDS.map((each, place) => [String(place + 1), () => setSpeed(each)])),
};

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const act = KEYS[event.key];
  // A button takes the space bar for itself.
  if (!act || (event.key === " " && event.target.closest("button"))) return;
  event.preventDefault();
  act(event);
}

/** The faults over the slider: numbered, and each a button. */
function layMarks() {
  const marks = byId("marks");
  let free = -Infinity;
  marks.replaceChildren(...faults.flatMap((fault, place) => {
    const from = (100 * Math.min(fault.start, length)) / Math.max(1, length);
    const to = (100 * Math.min(fault.end === null ? length : fault.end, length)) / Math.max(1, length);
    const band = make("span", { class: "span" });
    band.style.left = `${from}%`;
    band.style.width = `${Math.max(0, to - from)}%`;
    const button = make("button", { type: "button", title: `${fault.name}, ${clock(fault.start)}`,
      "aria-label": `Fault ${place + 1}: ${fault.name} at ${clock(fault.start)}` }, String(place + 1));
    button.style.left = `${from}%`;
    // Where there is no room for a name, its number stands alone.
    const room = ((faults[place + 1] ? (100 * faults[place + 1].start) / length : 100) - from) / 100;
    if (room * marks.clientWidth > 26 + 8.2 * fault.name.length) button.append(` ${fault.name}`);
    button.hidden = (from / 100) * marks.clientWidth < free;
    if (!button.hidden) free = (from / 100) * marks.clientWidth + 20;
    button.addEventListener("click", () => goTo(frameFrom(fault.start)));
    return [band, button];
  }));
}

function lay() {
  flow = new Flow(byId("flow"), narrow.matches ? "narrow" : "wide");
  for (const chart of charts) chart.lay();
  layMarks();
  frame = -1;
  show();
}

byId("charts").append(...charts.map((chart) => chart.figure));
byId("speeds").append(...SPEEDS.map((each, place) => {
  const button = make("button", { type: "button", value: each, title: String(place + 1) }, `${each}×`);
  button.addEventListener("click", () => setSpeed(each));
  return button;
}));
ends.slider.max = frames - 1;
ends.slider.addEventListener("input", () => goTo(Number(ends.slider.value)));
ends.play.addEventListener("click", () => setPlaying(!playing));
byId("back").addEventListener("click", () => step(-1));
byId("on").addEventListener("click", () => step(1));
byId("look").addEventListener("click", toggleLook);
byId("help").addEventListener("click", toggleHelp);
document.addEventListener("keydown", press);
document.querySelector("main").hidden = byId("controls").hidden = false;
setSpeed(1);
lay();
addEventListener("resize", lay);
const begin = /^#t=(\d+(?:\.\d+)?)$/.exec(location.hash);
if (begin) goTo(frameFrom(1000 * Number(begin[1])));
