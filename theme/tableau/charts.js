// Change over time and map: Vega-Lite, loaded when one of them is about to be seen.

import { address, load, number } from "./data.js";

const FRENCH = {
  formatLocale: {
    decimal: ",",
    thousands: "\u202f",
    grouping: [3],
    currency: ["", "\u00a0€"],
    minus: "\u2212",
  },
};

let library;

/** Load Vega-Lite, once. */
function vega() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.type = "module";
    script.src = address("vega.js");
    script.onload = () => resolve(window.vegaEmbed);
    script.onerror = () => {
      library = undefined;
      reject(new Error("vega.js : non reçu"));
    };
    document.head.append(script);
  });
  return library;
}

const shown = new WeakMap();

/** Draw some charts in a place, one after the other, in the stead of those it had. */
async function draw(place, specs, description) {
  const embed = await vega();
  for (const old of shown.get(place) ?? []) old.finalize();
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", description);
  const boxes = specs.map(() => document.createElement("div"));
  place.replaceChildren(...boxes);
  const options = { actions: false, renderer: "svg", ...FRENCH };
  shown.set(place, await Promise.all(specs.map((spec, rank) => embed(boxes[rank], spec, options))));
  for (const drawn of place.querySelectorAll("svg")) {
    drawn.setAttribute("aria-hidden", "true");
    for (const part of drawn.querySelectorAll("[role]")) part.removeAttribute("role");
  }
}

/** Colours of the page, which follow its theme. */
function colours() {
  const style = getComputedStyle(document.getElementById("tableau"));
  const of = (name) => style.getPropertyValue(`--tdb-${name}`).trim();
  return {
    ink: of("encre"),
    soft: of("gris"),
    line: of("trait"),
    town: of("ville"),
    peers: of("bleu"),
    other: of("autre"),
    land: of("terre"),
    paper: of("papier"),
  };
}

function config(c) {
  const font = getComputedStyle(document.body).fontFamily;
  return {
    background: "transparent",
    font,
    padding: 4,
    view: { stroke: null },
    axis: {
      labelColor: c.ink,
      titleColor: c.ink,
      labelFontSize: 13,
      titleFontSize: 13,
      titleFontWeight: "normal",
      gridColor: c.line,
      domainColor: c.soft,
      tickColor: c.soft,
    },
    legend: { labelColor: c.ink, titleColor: c.ink, labelFontSize: 13, labelLimit: 260 },
    title: { color: c.ink, fontSize: 13, fontWeight: "normal" },
  };
}

/** Draw the change of an indicator: one line a series, each with its own mark and dash. */
export function drawEvolution(place, { indicator, series, description }) {
  const c = colours();
  const names = series.map((one) => one.name);
  const values = series.flatMap((one) =>
    one.values
      .map((value, rank) => ({ serie: one.name, annee: indicator.years[rank], value }))
      .filter(({ value }) => Number.isFinite(value))
      .map((row) => ({ ...row, texte: number(row.value, indicator.decimals) })),
  );
  const scale = (range) => ({ domain: names, range: range.slice(0, names.length) });
  return draw(
    place,
    [{
      width: "container",
      height: 260,
      autosize: { type: "fit-x", contains: "padding" },
      config: config(c),
      data: { values },
      encoding: {
        x: {
          field: "annee",
          type: "quantitative",
          scale: { nice: false, zero: false, padding: 14 },
          axis: { format: "d", values: indicator.years, title: null, grid: false },
        },
        y: {
          field: "value",
          type: "quantitative",
          scale: { zero: values.every(({ value }) => value >= 0), nice: true },
          axis: { title: null, tickCount: 5 },
        },
        color: {
          field: "serie",
          scale: scale([c.town, c.peers, c.other]),
          legend: { orient: "top", direction: "vertical", title: null, symbolSize: 110 },
        },
        tooltip: [
          { field: "serie", title: "Série" },
          { field: "annee", type: "quantitative", format: "d", title: "Année" },
          { field: "texte", title: indicator.unit },
        ],
      },
      layer: [
        {
          mark: { type: "line", strokeWidth: 2.5 },
          encoding: {
            strokeDash: { field: "serie", scale: scale([[1, 0], [6, 4], [2, 3]]) },
          },
        },
        {
          mark: { type: "point", filled: true, size: 90, opacity: 1 },
          encoding: { shape: { field: "serie", scale: scale(["diamond", "circle", "square"]) } },
        },
      ],
    }],
    description,
  );
}

const TERRITORIES = {
  metropole: "France métropolitaine",
  971: "Guadeloupe",
  972: "Martinique",
  973: "Guyane",
  974: "La Réunion",
  976: "Mayotte",
};

/** Draw the towns on the map: one drawing a territory; each kind has its own shape. */
export async function drawMap(place, { towns, description }) {
  const [land] = await Promise.all([load("contours.json"), vega()]);
  const c = colours();
  const wide = Math.min(place.clientWidth || 320, 620);
  const kinds = [...new Set(towns.map((town) => town.kind))];
  const marks = {
    ville: ["diamond", c.town, 220],
    pvd: ["circle", c.peers, 80],
    hors: ["triangle-up", c.peers, 80],
    autre: ["square", c.other, 120],
  };
  const of = (rank) => kinds.map((kind) => marks[kind][rank]);
  const labels = kinds.map((kind) => towns.find((town) => town.kind === kind).label);
  const present = Object.keys(TERRITORIES).filter((key) =>
    towns.some((town) => territory(town) === key),
  );
  const panels = present.map((key, rank) => {
    const inside = towns
      .filter((town) => territory(town) === key)
      .map((town) => ({ ...town, size: marks[town.kind][2] }));
    const features = land.features.filter((one) => one.properties.territoire === key);
    const across = present.length > 1 ? Math.min(wide, 280) : wide;
    const projection =
      key === "metropole"
        ? { type: "conicConformal", rotate: [-3, -46.5], parallels: [44, 49] }
        : { type: "mercator" };
    return {
      config: config(c),
      title: key === "metropole" ? "" : TERRITORIES[key],
      width: across - 10,
      height: Math.round((across - 10) * (key === "metropole" ? 0.98 : 0.8)),
      layer: [
        {
          data: { values: features },
          projection,
          mark: { type: "geoshape", fill: c.land, stroke: c.line, strokeWidth: 0.7 },
        },
        {
          data: { values: inside },
          projection,
          mark: { type: "point", filled: true, opacity: 0.95, stroke: c.paper, strokeWidth: 1 },
          encoding: {
            longitude: { field: "lon", type: "quantitative" },
            latitude: { field: "lat", type: "quantitative" },
            shape: {
              field: "label",
              scale: { domain: labels, range: of(0) },
              legend:
                rank === present.length - 1
                  ? { orient: "bottom", direction: "vertical", title: null, symbolSize: 120 }
                  : null,
            },
            color: {
              field: "label",
              scale: { domain: labels, range: of(1) },
              ...(rank === present.length - 1 ? {} : { legend: null }),
            },
            size: { field: "size", type: "quantitative", scale: null },
            tooltip: [
              { field: "name", title: "Ville" },
              { field: "departement", title: "Département" },
            ],
          },
        },
        {
          data: { values: inside.filter((town) => town.kind === "ville" || town.kind === "autre") },
          projection,
          mark: {
            type: "text",
            dy: -15,
            fontSize: 13,
            fontWeight: "bold",
            color: c.ink,
            stroke: c.paper,
            strokeWidth: 3,
            strokeJoin: "round",
          },
          encoding: namedAt,
        },
        {
          data: { values: inside.filter((town) => town.kind === "ville" || town.kind === "autre") },
          projection,
          mark: { type: "text", dy: -15, fontSize: 13, fontWeight: "bold", color: c.ink },
          encoding: namedAt,
        },
      ],
    };
  });
  await draw(place, panels, description);
}

const namedAt = {
  longitude: { field: "lon", type: "quantitative" },
  latitude: { field: "lat", type: "quantitative" },
  text: { field: "name" },
};

const territory = (town) => (town.code.startsWith("97") ? town.code.slice(0, 3) : "metropole");
