// What the page shows of a town. Every function returns an element, or fills one.

import { counted, number, rankWords } from "./data.js";
import { h, strip } from "./dom.js";

/** A reference as it is named about this town. */
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

/** The same after "face": "aux PVD de sa région". */
export function facing(name) {
  return name.startsWith("les ") ? `aux ${name.slice(4)}` : `à ${name}`;
}

/** The count behind a rate, in words; nothing where the value is the count. */
function behindRate({ indicator, count }) {
  return indicator.count && Number.isFinite(count) ? counted(count, ...indicator.count) : "";
}

const arrow = (found) => (found.own > found.median ? "▲" : "▼");

/** Say why nothing is told: few towns to compare with, or nothing beyond chance. */
export function nothing(group, enough) {
  if (group && group.villes <= enough) {
    return `Ce groupe compte trop peu de villes pour dire ce qui la distingue : il en faut ${enough} autres.`;
  }
  return "Rien ne la distingue nettement : aucun écart ne dépasse ce que le hasard explique.";
}

/** One trait: a sentence, or its beginning, and where the town stands. */
export function trait({ found, beside, claim, rest, mark }, { themes, names, brief = false }) {
  const { indicator } = found;
  const values = [found.own, ...found.others, ...(found.summary ?? []), beside?.own].filter(Number.isFinite);
  const written = (value) => number(value, indicator.decimals);
  return h(
    "li",
    { class: "tdb-trait" },
    h("p", { class: "tdb-theme" }, themes.get(indicator.theme)),
    h("p", { class: "tdb-dit" }, h("strong", null, claim), brief ? "." : rest, mark && h("em", { class: "tdb-sur" }, ` ${mark}`)),
    strip(found, beside, names),
    h(
      "p",
      { class: "tdb-echelle", "aria-hidden": "true" },
      h("span", null, written(Math.min(...values))),
      h("span", null, indicator.unit),
      h("span", null, written(Math.max(...values))),
    ),
  );
}

/** The legend of the drawings. */
export function legend(reference, town, group, other) {
  const key = (kind, text) => h("span", null, h("i", { class: `tdb-cle ${kind}`, "aria-hidden": "true" }), ` ${text}`);
  return h(
    "p",
    { class: "tdb-legende" },
    key("ville", town.name),
    other && key("autre", other.name),
    group ? key("etendue", "de la plus basse à la plus haute") : key("point", "une ville comparable"),
    key("milieu", "la moitié d’entre elles"),
    key("mediane", "leur médiane"),
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

/** What sets each comparable town apart, folded. */
export function pulls(town, words) {
  return h(
    "details",
    { class: "tdb-eloigne" },
    h("summary", null, "Ce qui éloigne chacune d’elles"),
    h(
      "p",
      { class: "tdb-aide" },
      "La distance est en écarts-types : 0, deux villes semblables en tout. Les deux traits sont ceux qui y comptent le plus.",
    ),
    h(
      "ol",
      null,
      town.comparables.map((one, rank) => {
        const [distance, first, second] = town.ecarts[rank];
        return h("li", null, `${one.name}, à ${number(distance / 100, 2)} : ${words[first]} et ${words[second]}.`);
      }),
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
    h("caption", { class: "tdb-cache" }, `${label} : ${town.name} face ${facing(against)}`),
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
  const behind = behindRate(found);
  const stands = told.has(indicator.id);
  const cellOf = (one) => {
    const count = one && behindRate(one);
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
