// Charts over the whole film: what is still to come is drawn faintly, up to the position in full.
const MARGIN = { left: 46, right: 10, top: 20, bottom: 20 };
const HEIGHT = 150;

/** The span of each tick in seconds. */
const spans = ticks.at.map((at, place) =>
  Math.max(0.001, (at - (place ? ticks.at[place - 1] : at - 500)) / 1000));
const perSecond = (counted) => counted.map((count, place) => count / spans[place]);

/** A rate over two seconds or so: one tick alone jumps. */
function shareOf(part, whole) {
  const wide = 4;
  return part.map((_, place) => {
    let some = 0, all = 0;
    for (let each = Math.max(0, place - wide + 1); each <= place; each++) {
      some += part[each];
      all += whole[each];
    }
    return all ? (100 * some) / all : null;
  });
}

const percent = (value) => (value === null ? "–" : `${Math.floor(value * 10) / 10} %`);
const seconds = (value) => (value === null ? "–" : value < 1 ? `${Math.round(value * 1000)} ms`
  : `${value.toPrecision(3)} s`);
const rate = (value) => (value === null ? "–" : `${grouped(value)}/s`);

const CHARTS = [
  { title: "Hit rate", top: 100, unit: " %", say: percent,
    lines: [{ name: "", values: shareOf(ticks.hits, ticks.hits.map((hits, at) => hits + ticks.misses[at])) }] },
  { title: "Queue depth", least: 10, say: (value) => (value === null ? "–" : grouped(value)),
    lines: [{ name: "", values: ticks.depth }] },
  { title: "Lag · staleness", least: 0.5, unit: " s", say: seconds, dots: ticks.stale,
    lines: [{ name: "", values: ticks.lag.map((lag) => lag / 1000) }] },
  { title: "Calls", least: 10, say: rate,
    lines: [{ name: "reads", values: perSecond(ticks.hits.map((hits, at) => hits + ticks.misses[at])) },
      { name: "writes", values: perSecond(ticks.writes) }] },
];

function niceTop(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((top) => top >= most * 0.999);
}

/** Moments for a time axis, in steps that a clock would take. */
function moments(width) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200];
  const step = 1000 * (steps.find((each) => length / 1000 / each <= Math.max(2, width / 80)) || 86400);
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, place) => place * step);
}

class Chart {
  constructor(spec, number, seek) {
    this.spec = spec;
    this.number = number;
    this.seek = seek;
    this.value = make("span", { class: "value" });
    this.room = make("div", { class: "room" });
    this.figure = make("figure", {},
      make("figcaption", {}, make("strong", {}, spec.title), " ", this.value), this.room);
  }

  x(moment) {
    return MARGIN.left + (Math.min(length, Math.max(0, moment)) / Math.max(1, length)) * this.width;
  }

  /** Draw it for the room that there is. */
  lay() {
    const all = Math.max(200, this.room.clientWidth);
    this.width = all - MARGIN.left - MARGIN.right;
    const high = HEIGHT - MARGIN.top - MARGIN.bottom, base = HEIGHT - MARGIN.bottom;
    const { lines, least = 0 } = this.spec;
    const most = lines.reduce((top, line) => line.values.reduce((a, b) => Math.max(a, b || 0), top), least);
    const top = this.spec.top || niceTop(most || 1);
    const y = (value) => base - (Math.min(top, value) / top) * high;
    const picture = draw("svg", { viewBox: `0 0 ${all} ${HEIGHT}`, width: all, height: HEIGHT, "aria-hidden": "true" });
    for (const value of [0, top / 2, top]) {
      const at = y(value);
      picture.append(draw("line", { x1: MARGIN.left, x2: MARGIN.left + this.width, y1: at, y2: at, class: value ? "grid" : "base" }),
        draw("text", { x: MARGIN.left - 6, y: at + 4, "text-anchor": "end" }, this.axis(value)));
    }
    for (const at of moments(this.width)) {
      const x = this.x(at);
      const anchor = x > MARGIN.left + this.width - 16 ? "end" : "middle";
      picture.append(draw("text", { x, y: HEIGHT - 4, "text-anchor": anchor }, clock(at)));
    }
    this.faults(picture, base);
    const clips = [["past", this.clip = draw("rect", { x: 0, y: 0, width: 0, height: HEIGHT })],
      ["coming", this.rest = draw("rect", { x: 0, y: 0, width: all, height: HEIGHT })]];
    for (const [when, rect] of clips) {
      const id = `${when}-${this.number}`;
      const group = draw("g", { class: when, "clip-path": `url(#${id})` });
      lines.forEach((line, place) => this.line(group, line.values, place, y, base));
      picture.append(draw("clipPath", { id }, rect), group);
    }
    (this.spec.dots || []).forEach((count, place) => {
      if (count) picture.append(draw("circle", { cx: this.x(ticks.at[place]), cy: base - 4, r: 4, class: "stale" }));
    });
    this.cursor = draw("line", { y1: MARGIN.top - 6, y2: base, class: "cursor" });
    picture.append(this.cursor);
    picture.addEventListener("click", (event) => {
      const box = picture.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * all - MARGIN.left;
      this.seek((Math.min(1, Math.max(0, x / this.width))) * length);
    });
    this.room.replaceChildren(picture);
  }

  axis(value) {
    const short = value >= 10000 ? `${value / 1000}k` : value >= 1000 ? grouped(value) : `${value}`;
    return value ? `${short}${this.spec.unit || ""}` : short;
  }

  faults(picture, base) {
    let free = -Infinity;
    faults.forEach((fault, place) => {
      const from = this.x(fault.start), to = this.x(fault.end === null ? length : fault.end);
      picture.append(draw("rect", { x: from, y: MARGIN.top - 6, width: Math.max(0, to - from), height: base - MARGIN.top + 6, class: "band" }),
        draw("line", { x1: from, x2: from, y1: MARGIN.top - 6, y2: base, class: "struck" }));
      // Numbers that would lie over each other are left out; the slider names them all.
      if (from < free) return;
      free = from + 14;
      picture.append(draw("text", { x: from, y: 11, "text-anchor": "middle", class: "fault" }, `${place + 1}`));
    });
  }

  line(group, values, place, y, base) {
    let path = "", area = "", open = false, last = 0;
    values.forEach((value, at) => {
      if (value === null) {
        if (open) area += `L${last} ${base}Z`;
        open = false;
        return;
      }
      const x = this.x(ticks.at[at]).toFixed(1), high = y(value).toFixed(1);
      path += `${open ? "L" : "M"}${x} ${high}`;
      area += open ? `L${x} ${high}` : `M${x} ${base}L${x} ${high}`;
      open = true;
      last = x;
    });
    if (open) area += `L${last} ${base}Z`;
    if (!place) group.append(draw("path", { d: area, class: "area" }));
    group.append(draw("path", { d: path, class: `curve s${place}` }));
  }

  show(moment) {
    const x = this.x(moment), place = placeAt(ticks.at, moment);
    this.clip.setAttribute("width", x);
    this.rest.setAttribute("x", x);
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
    const known = ticks.at.length > 0 && ticks.at[place] <= moment + 600;
    say(this.value, this.spec.lines
      .map(({ name, values }) => `${name} ${this.spec.say(known ? values[place] : null)}`.trim()).join(" · "));
  }
}
