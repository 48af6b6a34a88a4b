// The flow: the parts of the stack and the paths between them, in a wide and in a narrow form.
const FORMS = {
  wide: {
    size: [1000, 428],
    boxes: {
      App: [14, 152, 172, 124], Redis: [402, 8, 272, 116], SQLite: [402, 156, 272, 116],
      Log: [402, 304, 272, 116], Worker: [764, 304, 222, 116],
    },
    arrows: {
      hit: { line: [[70, 152], [70, 56], [402, 56]], label: [86, 46, "start"] },
      set: { line: [[120, 152], [120, 92], [402, 92]], label: [136, 82, "start"] },
      miss: { line: [[186, 192], [402, 192]], label: [202, 182, "start"] },
      through: { line: [[186, 240], [402, 240]], label: [202, 230, "start"] },
      fill: { line: [[538, 156], [538, 124]], label: [550, 145, "start"] },
      behind: { line: [[70, 276], [70, 362], [402, 362]], label: [86, 352, "start"] },
      take: { line: [[674, 362], [764, 362]], label: [719, 352, "middle"] },
      flush: { line: [[875, 304], [875, 214], [674, 214]], label: [690, 204, "start"] },
    },
  },
  narrow: {
    size: [380, 660],
    boxes: {
      App: [8, 8, 364, 66], Redis: [160, 104, 196, 112], SQLite: [160, 250, 196, 112],
      Log: [160, 396, 196, 112], Worker: [160, 542, 196, 112],
    },
    arrows: {
      // The lower the box, the further to the left the line: no line crosses a label.
      hit: { line: [[76, 74], [76, 140], [160, 140]], label: [80, 132, "start"] },
      set: { line: [[60, 74], [60, 180], [160, 180]], label: [64, 172, "start"] },
      miss: { line: [[44, 74], [44, 290], [160, 290]], label: [50, 282, "start"] },
      through: { line: [[28, 74], [28, 336], [160, 336]], label: [34, 328, "start"] },
      fill: { line: [[250, 250], [250, 216]], label: [258, 238, "start"] },
      behind: { line: [[12, 74], [12, 450], [160, 450]], label: [18, 442, "start"] },
      take: { line: [[180, 508], [180, 542]], label: [188, 530, "start"] },
      flush: { line: [[356, 600], [370, 600], [370, 306], [356, 306]], label: [346, 530, "end"] },
    },
  },
};
const HINDERED = { blocked: "✗ ", held: "‖ " };

/** The triangle at the end of a line. */
function head(line) {
  const [[x0, y0], [x, y]] = line.slice(-2);
  const dx = Math.sign(x - x0) * 9, dy = Math.sign(y - y0) * 9;
  return `M${x} ${y}L${x - dx - dy * 0.55} ${y - dy - dx * 0.55}L${x - dx + dy * 0.55} ${y - dy + dx * 0.55}Z`;
}

class Flow {
  constructor(element, form) {
    const { size, boxes, arrows } = FORMS[form];
    const picture = draw("svg", { viewBox: `0 0 ${size.join(" ")}`, role: "img", class: form });
    this.picture = picture;
    this.arrows = [];
    for (const [name, { line, label: [x, y, anchor] }] of Object.entries(arrows)) {
      if (!(name in scenes.arrows)) continue;
      const group = draw("g");
      const text = draw("text", { x, y, "text-anchor": anchor });
      group.append(draw("path", { class: "line", d: `M${line.map((point) => point.join(" ")).join("L")}` }),
        draw("path", { class: "head", d: head(line) }), text);
      picture.append(group);
      this.arrows.push({ name, group, text });
    }
    this.boxes = Object.entries(boxes).map(([name, box]) => this.box(name, box));
    element.replaceChildren(picture);
  }

  box(name, [x, y, width, height]) {
    const group = draw("g"), clip = `clip-${name}`;
    const text = (dx, dy, kind, anchor = "start") => {
      const it = draw("text", { x: x + dx, y: y + dy, class: kind, "text-anchor": anchor });
      inner.append(it);
      return it;
    };
    const inner = draw("g", { "clip-path": `url(#${clip})` });
    group.append(draw("clipPath", { id: clip }, draw("rect", { x, y, width: width - 6, height })),
      draw("rect", { x, y, width, height, rx: 6, class: "frame" }), inner);
    const it = { name, group, title: text(14, 26, "title") };
    say(it.title, name === "App" ? "app" : name);
    if (name === "App") {
      const across = height < 80;
      it.reads = across ? text(130, 26, "lead") : text(14, 64, "lead");
      it.writes = across ? text(130, 50, "lead") : text(14, 92, "lead");
    } else {
      it.word = text(width - 14, 26, "word", "end");
      it.lead = text(14, 54, "lead");
      it.track = draw("rect", { x: x + 14, y: y + 62, width: width - 28, height: 4, class: "gauge" });
      it.bar = draw("rect", { x: x + 14, y: y + 62, width: 0, height: 4, class: "share" });
      it.room = width - 28;
      inner.append(it.track, it.bar);
      it.facts = [text(14, 86, "fact"), text(14, 105, "fact")];
    }
    this.picture.append(group);
    return it;
  }

  show(frame) {
    for (const { name, group, text } of this.arrows) {
      const [label, state] = scenes.arrows[name][frame];
      say(text, `${HINDERED[state] || ""}${label}`);
      look(group, `arrow ${state}`);
    }
    const told = [];
    for (const box of this.boxes) {
      if (box.name === "App") {
        say(box.reads, `reads ${scenes.reads[frame]}`);
        say(box.writes, `writes ${scenes.writes[frame]}`);
        look(box.group, "box well");
        continue;
      }
      const part = scenes.parts[box.name];
      const [mark, tone, word] = part.state[frame], [lead, share] = part.lead[frame];
      const [first = "", ...rest] = part.facts[frame];
      say(box.word, `${mark} ${word}`);
      say(box.lead, lead);
      say(box.facts[0], first);
      say(box.facts[1], rest.join(" · "));
      look(box.group, `box ${tone}`);
      box.track.style.display = box.bar.style.display = share === null ? "none" : "";
      box.bar.setAttribute("width", (box.room * (share || 0)) / 100);
      told.push(`${box.name} ${word}, ${lead}`);
    }
    this.picture.setAttribute("aria-label", told.join("; "));
  }
}
