// Elements: made of names and texts, never of markup.
const byId = (id) => document.getElementById(id);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const make = (name, attributes = {}, ...children) =>
  fill(document.createElement(name), attributes, children);

const draw = (name, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

/** Set a text only when it is another: most of a scene stays. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set the class of an element that is drawn or not. */
function look(element, name) {
  if (element.getAttribute("class") !== name) element.setAttribute("class", name);
}

/** A moment of the film, 1:05 or 1:02:05. */
function clock(milliseconds) {
  const seconds = Math.floor(Math.max(0, milliseconds) / 1000);
  const pair = (value) => String(value).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes}:${pair(seconds % 60)}`
    : `${Math.floor(minutes / 60)}:${pair(minutes % 60)}:${pair(seconds % 60)}`;
}

const grouped = (count) => String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");
