"use strict";
// The data: columns over time as cachedesk/reports/film/columns.py writes them, spread out once.
const film = JSON.parse(document.getElementById("film").textContent);
if (film.format !== 1) throw new Error(`a film of format ${film.format}`);

/** The values of a column of differences. */
function summed(differences) {
  let sum = 0;
  return differences.map((each) => (sum += each));
}

const frameTimes = summed(film.at);
const frames = frameTimes.length;
const length = frameTimes[frames - 1];

/** The value of a column of words at each frame. */
function spread(column) {
  const values = new Array(frames).fill(column.words[0]);
  let place = 0;
  for (let at = 0; at < column.runs.length; at += 2) {
    place += column.runs[at];
    values.fill(column.words[column.runs[at + 1]], place);
  }
  return values;
}

const mapped = (object, change) =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));

const scenes = {
  sentence: spread(film.sentence),
  verdict: spread(film.verdict),
  books: film.books.map(summed),
  places: film.places.map((place) => summed(place.count)),
  atStake: spread(film.at_stake),
  reads: spread(film.reads),
  writes: spread(film.writes),
  parts: mapped(film.parts, (part) => mapped(part, spread)),
  arrows: mapped(film.arrows, spread),
  keys: film.keys.rows.map(spread),
};
const ticks = mapped(film.ticks, summed);
const faults = film.faults.map(([name, start, end]) => ({ name, start, end }));
const events = film.events.map(([at, kind, said]) => ({ at, kind, said }));

/** The last place of sorted times at or before a moment; the first when all are later. */
function placeAt(times, moment) {
  let low = 0, high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= moment) low = middle + 1; else high = middle;
  }
  return Math.max(0, low - 1);
}

/** The first frame at or after a moment: the first that can show what happened then. */
function frameFrom(moment) {
  const place = placeAt(frameTimes, moment);
  return Math.min(frames - 1, frameTimes[place] < moment ? place + 1 : place);
}
