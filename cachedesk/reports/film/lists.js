// The hot keys as a table, and the events as a list of buttons that go where they happened.
const SIGNS = { info: "·", fault: "▼", healed: "▲", recovery: "↻", error: "✗" };

/** Where the newest writes are: a bar with one part per place that has any. */
class Places {
  constructor(bar, sentence) {
    this.bar = bar;
    this.sentence = sentence;
    this.parts = film.places.map(() => make("span"));
    bar.append(...this.parts);
  }

  show(frame) {
    const told = film.places.map(({ name, glyph }, place) => {
      const count = scenes.places[place][frame], part = this.parts[place], label = `${name} ${grouped(count)}`;
      part.hidden = !count;
      part.className = `place${place}`;
      part.style.flexGrow = count;
      part.title = label;
      say(part, `${glyph} ${label}`);
      return count ? label : "";
    });
    this.bar.setAttribute("aria-label", `Newest writes: ${told.filter(Boolean).join(", ") || "none"}`);
    say(this.sentence, scenes.atStake[frame]);
    this.sentence.className = scenes.places[3][frame] ? "broken" : scenes.places[2][frame] ? "warning" : "";
  }
}

class Keys {
  constructor(body) {
    this.rows = scenes.keys.map(() => {
      const cells = ["th", "td", "td", "td", "td", "td"].map((name) => make(name));
      cells[0].scope = "row";
      cells[1].className = "policy";
      for (const place of [2, 3, 4]) cells[place].className = "figure";
      const row = make("tr", {}, ...cells);
      body.append(row);
      return { row, cells };
    });
  }

  show(frame) {
    this.rows.forEach(({ row, cells }, place) => {
      const found = scenes.keys[place][frame];
      row.hidden = found.length === 0;
      if (row.hidden) return;
      const [name, redis, pending, sqlite, state] = found;
      const [key, policy] = film.keys.names[name], [word, tone] = film.keys.states[state];
      [key, policy, redis, pending, sqlite === null ? redis : sqlite, word]
        .forEach((text, column) => say(cells[column], String(text)));
      look(cells[5], tone);
    });
  }
}

class Events {
  constructor(list, seek) {
    this.list = list;
    this.items = events.map((event) => {
      const text = make("span", { class: "text", dir: "auto" });
      const button = make("button", { type: "button", class: event.kind },
        make("time", {}, clock(event.at)), make("span", { class: "sign", "aria-hidden": "true" }, SIGNS[event.kind] || "·"),
        make("span", { class: "kind" }, event.kind), text);
      button.addEventListener("click", () => seek(event.at, true));
      const item = make("li", {}, button);
      list.append(item);
      return { event, item, text };
    });
    this.newest = -1;
  }

  show(moment) {
    let newest = -1;
    this.items.forEach(({ event, item, text }, place) => {
      const happened = event.at <= moment;
      if (happened) newest = place;
      look(item, happened ? "" : "later");
      say(text, event.said[placeAt(event.said.map(([at]) => at), moment)][1]);
    });
    if (newest === this.newest) return;
    if (this.items[this.newest]) this.items[this.newest].item.removeAttribute("aria-current");
    this.newest = newest;
    if (newest < 0) {
      this.list.scrollTop = 0;
      return;
    }
    const { item } = this.items[newest];
    item.setAttribute("aria-current", "true");
    // Only the list moves, never the page under the reader.
    this.list.scrollTop = item.offsetTop - this.list.clientHeight + item.offsetHeight + 4;
  }
}
