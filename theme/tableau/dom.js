// Elements made from data: every text goes in as text, never as HTML.

import { number, typographic } from "./data.js";

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value);
    }
  }
  for (const child of children.flat(3)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : typographic(String(child)));
  }
  return element;
}

/** Make an HTML element. */
export const h = (tag, attributes, ...children) =>
  filled(document.createElement(tag), attributes, children);

/** Make an SVG element. */
export const s = (tag, attributes, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

const WIDTH = 240;
const HEIGHT = 26;
const SIDE = 9;

/**
 * Draw where a town stands: each comparable town a dot (or the extent of a group), the middle
 * half a band, the median a line, the town a diamond, the town beside it a hollow square.
 * The numbers are in the text next to it, so the drawing is hidden from screen readers.
 */
export function strip(found, other, names = []) {
  const points = [...found.others, ...(found.summary ?? []), found.own, other?.own];
  const known = points.filter(Number.isFinite);
  if (known.length < 2) return null;
  const low = Math.min(...known);
  const high = Math.max(...known);
  const middle = HEIGHT / 2;
  const x = (value) =>
    high === low ? WIDTH / 2 : SIDE + ((WIDTH - 2 * SIDE) * (value - low)) / (high - low);
  const at = (value) => x(value).toFixed(1);
  const drawn = s("svg", {
    class: "tdb-bande",
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    "aria-hidden": "true",
    focusable: "false",
  });
  drawn.append(s("line", { class: "axe", x1: SIDE, x2: WIDTH - SIDE, y1: middle, y2: middle }));
  if (found.summary) {
    const [first, , quarter, half, three, , last] = found.summary;
    if (!found.others.length) {
      drawn.append(s("line", { class: "etendue", x1: at(first), x2: at(last), y1: middle, y2: middle }));
    }
    drawn.append(
      s("rect", {
        class: "milieu",
        x: at(quarter),
        y: middle - 7,
        width: Math.max(1, x(three) - x(quarter)).toFixed(1),
        height: 14,
      }),
      s("line", { class: "mediane", x1: at(half), x2: at(half), y1: middle - 9, y2: middle + 9 }),
    );
  }
  const dots = found.others.map((value, rank) => [value, names[rank]]);
  if (names.length) {
    for (const [value, name] of dots) {
      if (!Number.isFinite(value)) continue;
      drawn.append(
        s(
          "circle",
          { class: "point", cx: at(value), cy: middle, r: 4 },
          s("title", null, `${name} : ${number(value, found.indicator.decimals)}`),
        ),
      );
    }
  } else {
    const path = dots
      .filter(([value]) => Number.isFinite(value))
      .map(([value]) => `M${at(value)} ${middle}h0`)
      .join("");
    if (path) drawn.append(s("path", { class: "points", d: path }));
  }
  if (Number.isFinite(other?.own)) {
    drawn.append(
      s("rect", { class: "autre", x: (x(other.own) - 5).toFixed(1), y: middle - 5, width: 10, height: 10 }),
    );
  }
  if (Number.isFinite(found.own)) {
    const own = x(found.own);
    drawn.append(
      s("path", { class: "ville", d: `M${(own - 8).toFixed(1)} ${middle}l8 -8l8 8l-8 8z` }),
    );
  }
  return drawn;
}
