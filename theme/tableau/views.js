// What the page shows of a town. Every function returns an element, or fills one.

import { counted, gapWords, inSentence, joined, number, quantity, rankWords } from "./data.js";
import { h, strip } from "./dom.js";

/** A reference as it is named in a sentence about this town. */
export function referenceName(reference, town, group) {
  const count = group ? group.villes : town.comparables.length;
  return {
    comparables: `ses ${count} villes comparables`,
    pvd: `l’ensemble des PVD (${number(count)})`,
    region: `les PVD de sa région (${group?.nom}, ${number(count)})`,
    departement: `les PVD de son département (${group?.nom}, ${number(count)})`,
    densite: `les PVD de même densité (${group?.nom?.toLowerCase()}, ${number(count)})`,
  }[reference];
}

/** The value of a town, and the count behind a rate. */
function value(found) {
  const { indicator, own, count } = found;
  const behind =
    indicator.count && Number.isFinite(count) ? counted(count, indicator.count[0], indicator.count[1]) : "";
  return { text: quantity(own, indicator.unit, indicator.decimals), behind };
}

const arrow = (found) => (found.own > found.median ? "▲" : "▼");

/** One sentence: what is higher here, what is lower. */
export function summary(found) {
  if (!found.length) {
    return "Rien ne la distingue nettement : aucun indicateur ne sort de ce que le hasard et la dispersion expliquent.";
  }
  const of = (side) => found.filter((one) => one.own > one.median === side);
  const told = (list) => list.map((one) => inSentence(one.indicator.label));
  const [high, low] = [told(of(true)), told(of(false))];
  return [
    high.length && `Plus haut ici : ${joined(high)}.`,
    low.length && `Plus bas ici : ${joined(low)}.`,
  ]
    .filter(Boolean)
    .join(" ");
}

/** One trait: the indicator, its value, the drawing, and what it means in words. */
export function trait(found, { group, themes, names, other, level = "h4" }) {
  const { text, behind } = value(found);
  const { indicator } = found;
  return h(
    "li",
    { class: "tdb-trait" },
    h("p", { class: "tdb-theme" }, `${themes.get(indicator.theme)}, ${indicator.years[indicator.latest]}`),
    h(level, null, indicator.label),
    h(
      "p",
      { class: "tdb-valeur" },
      h("span", { "aria-hidden": "true" }, arrow(found)),
      " ",
      h("strong", null, number(found.own, indicator.decimals)),
      ` ${text.slice(number(found.own, indicator.decimals).length + 1)}`,
      behind && h("span", { class: "tdb-compte" }, ` soit ${behind}`),
    ),
    strip(found, other, names),
    h("p", { class: "tdb-dit" }, sentence([rankWords(found, group), gapWords(found)])),
  );
}

function sentence(parts) {
  const text = parts.filter(Boolean).join(" ; ");
  return text ? `${text[0].toUpperCase()}${text.slice(1)}.` : "";
}

/** The legend of the drawings. */
export function legend(reference, town, group, other) {
  const key = (kind, text) => h("span", null, h("i", { class: `tdb-cle ${kind}`, "aria-hidden": "true" }), ` ${text}`);
  return h(
    "p",
    { class: "tdb-legende" },
    key("ville", town.name),
    other && key("autre", other.name),
    group ? key("etendue", "étendue du groupe") : key("point", "une ville comparable"),
    key("milieu", "moitié centrale"),
    key("mediane", "médiane"),
  );
}

/** The comparable towns, the nearest first, each a way to its own page. */
export function peers(town, href, offered) {
  return h(
    "ol",
    { class: "tdb-semblables" },
    town.comparables.map((one) =>
      h(
        "li",
        null,
        offered.has(one.code)
          ? h("a", { href: href(one.code), "data-ville": one.code }, one.name)
          : h("span", null, one.name),
        " ",
        h("small", null, `${one.departement}${one.pvd ? ", PVD" : ""}`),
      ),
    ),
  );
}

/** A theme: a table of its indicators, folded, filled when `fill` of the element is called. */
export function theme(key, label, readings, context) {
  const { told, open } = context;
  const standing = readings.filter(({ found }) => told.has(found.indicator.id)).length;
  const mark = standing ? `, dont ${counted(standing, "traits")} à remarquer` : "";
  const folded = h(
    "details",
    { class: "tdb-volet", "data-theme": key, open },
    h(
      "summary",
      null,
      h("h3", null, label),
      h("span", null, `${counted(readings.length, "indicateurs")}${mark}`),
    ),
  );
  folded.fill = () => {
    folded.fill = () => {};
    folded.append(
      h(
        "div",
        { class: "tdb-defile", role: "region", "aria-label": `Tableau : ${label}`, tabindex: "0" },
        table(label, readings, context),
      ),
    );
  };
  if (open) folded.fill();
  return folded;
}

function table(label, readings, { town, other, told, group, against }) {
  return h(
    "table",
    { class: "tdb-table" },
    h("caption", { class: "tdb-cache" }, `${label} : ${town.name} face à ${against}`),
    h(
      "thead",
      null,
      h(
        "tr",
        null,
        h("th", { scope: "col" }, "Indicateur"),
        h("th", { scope: "col", class: "nombre" }, town.name),
        other && h("th", { scope: "col", class: "nombre" }, other.name),
        h("th", { scope: "col", class: "nombre" }, "Médiane"),
        h("th", { scope: "col", class: "place" }, "Position"),
      ),
    ),
    h("tbody", null, readings.map(({ found, beside }) => row(found, beside, other, told, group))),
  );
}

function row(found, beside, other, told, group) {
  const { indicator } = found;
  const { behind } = value(found);
  const stands = told.has(indicator.id);
  const cellOf = (one) => {
    const count = one && value(one).behind;
    return h(
      "td",
      { class: "nombre" },
      one ? number(one.own, indicator.decimals) : "n.\u00a0d.",
      count && h("small", null, count),
    );
  };
  return h(
    "tr",
    { class: stands ? "marque" : null },
    h(
      "th",
      { scope: "row" },
      indicator.label,
      stands && h("strong", { class: "tdb-distinct" }, ` ${arrow(found)} se distingue`),
      h("small", null, `${indicator.unit}, ${indicator.years[indicator.latest]}`),
    ),
    h("td", { class: "nombre ici" }, number(found.own, indicator.decimals), behind && h("small", null, behind)),
    other && cellOf(beside),
    h("td", { class: "nombre" }, number(found.median, indicator.decimals)),
    h(
      "td",
      { class: "place" },
      strip(found, beside),
      h("small", null, rankWords(found, group) || "non comparable"),
    ),
  );
}

/** The numbers behind a chart of change. */
export function evolutionTable(indicator, series) {
  return h(
    "table",
    { class: "tdb-table" },
    h("caption", null, `${indicator.label}, ${indicator.unit}`),
    h(
      "thead",
      null,
      h(
        "tr",
        null,
        h("th", { scope: "col" }, "Année"),
        series.map((one) => h("th", { scope: "col", class: "nombre" }, one.name)),
      ),
    ),
    h(
      "tbody",
      null,
      indicator.years.map((year, rank) =>
        h(
          "tr",
          null,
          h("th", { scope: "row" }, String(year)),
          series.map((one) => h("td", { class: "nombre" }, number(one.values[rank], indicator.decimals))),
        ),
      ),
    ),
  );
}

/** Say the change of a series between its first and last known years. */
export function evolutionWords(indicator, one) {
  const known = one.values
    .map((value, rank) => [indicator.years[rank], value])
    .filter(([, value]) => Number.isFinite(value));
  if (known.length < 2) return `${one.name} : une seule année connue.`;
  const [[first, before], [last, after]] = [known[0], known.at(-1)];
  const digits = indicator.decimals;
  return `${one.name} : ${number(before, digits)} en ${first}, ${number(after, digits)} en ${last}.`;
}
