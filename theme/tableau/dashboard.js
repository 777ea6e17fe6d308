// The dashboard: what the address asks for, the files it needs, and the page they make.

import { counted, csv, fold, load, number, place, reading, typographic } from "./data.js";
import { drawEvolution, drawMap } from "./charts.js";
import { h } from "./dom.js";
import { combobox, prepared, search } from "./search.js";
import {
  evolutionTable,
  evolutionWords,
  facing,
  legend,
  nothing,
  peers,
  pulls,
  referenceName,
  theme,
  trait,
} from "./views.js";

const TRAITS_OF_CARD = 3;
/** Height that holds the card in a frame of 340 to 640 pixels, two traits below 544. */
const CARD_HEIGHT = 760;
/** Width from which all choices are shown at once. */
const WIDE = matchMedia("(min-width: 44.01rem)");
/** Towns proposed before one is chosen: those that the programme's own page names, and overseas. */
const EXAMPLES = ["54397", "30133", "50076", "46127", "97225", "2A272"];
const root = document.getElementById("tableau");
const asCard = new URLSearchParams(location.search).get("carte") === "1";
const state = { ville: "", avec: "", reference: "comparables", indicateur: "" };
let meta;
let towns;
let byCode;
let boxes;
let view;
let turn = 0;

// -- the address

function readAddress() {
  const asked = new URLSearchParams(location.search);
  const known = meta.references.map(([key]) => key);
  state.ville = asked.get("ville") ?? "";
  state.avec = asked.get("avec") ?? "";
  state.indicateur = asked.get("indicateur") ?? "";
  const reference = asked.get("reference");
  state.reference = known.includes(reference) ? reference : "comparables";
}

function href(changes = {}) {
  const wanted = { ...state, ...changes };
  const asked = new URLSearchParams();
  for (const [key, value] of Object.entries(wanted)) {
    if (value && !(key === "reference" && value === "comparables")) asked.set(key, value);
  }
  const text = asked.toString();
  return `${location.pathname}${text ? `?${text}` : ""}`;
}

function go(changes, { push = false } = {}) {
  Object.assign(state, changes);
  history[push ? "pushState" : "replaceState"](null, "", href());
  return refresh();
}

// -- the files

async function readTown(code) {
  const file = await load(`villes/${code}.json`);
  return { ...file, ...place(file.ville), comparables: file.comparables.map(place) };
}

async function readGroup(town, reference) {
  if (reference === "comparables") return null;
  const file = town.groupes[reference];
  return file ? load(`groupes/${file}`) : undefined;
}

const rankOf = (reference) => meta.references.findIndex(([key]) => key === reference);

// -- the page

function say(text, alert = false) {
  const message = document.getElementById("tdb-message");
  message.textContent = typographic(text);
  message.hidden = !text;
  message.setAttribute("role", alert ? "alert" : "status");
}

/** Tell those who do not see the page what it now shows. */
function announce(text) {
  const status = document.getElementById("tdb-annonce");
  if (status) status.textContent = typographic(text);
}

async function refresh() {
  const mine = ++turn;
  performance.mark("tableau-debut");
  document.body.classList.toggle("tdb-choisie", Boolean(state.ville));
  boxes?.ville.show(byCode.get(state.ville)?.name);
  boxes?.avec.show(byCode.get(state.avec)?.name);
  if (!state.ville) {
    view.replaceChildren(examples());
    say("");
    return;
  }
  if (!byCode.has(state.ville)) {
    named(state.ville);
    return;
  }
  try {
    const town = await readTown(state.ville);
    const [other, group] = await Promise.all([
      byCode.has(state.avec) && state.avec !== state.ville ? readTown(state.avec) : null,
      readGroup(town, state.reference),
    ]);
    if (mine !== turn) return;
    const reference = group === undefined ? "comparables" : state.reference;
    const context = contextOf(town, other, reference, group ?? null);
    view.replaceChildren(...(asCard ? card(context) : page(context)));
    announce(`${town.name} : ${counted(context.told.length, "écarts")} face ${facing(context.against)}.`);
    say(
      group === undefined
        ? "Ce groupe ne compte aucune PVD : la ville est comparée à ses villes comparables."
        : "",
    );
    document.title = typographic(`${town.name} – ${document.title.split(" – ").slice(-1)[0]}`);
    performance.mark("tableau-fin");
    performance.measure("tableau-ville", "tableau-debut", "tableau-fin");
    for (const one of root.querySelectorAll("details.tdb-volet")) {
      setTimeout(() => one.isConnected && one.fill());
    }
  } catch (error) {
    if (!(error instanceof TypeError || /réponse|reçu/.test(error.message))) throw error;
    if (mine !== turn) return;
    view.replaceChildren();
    say("Les données de cette ville n’ont pas pu être lues. Vérifiez la connexion, puis rechargez la page.", true);
  }
}

/** The address holds a name, not a code: show its town, or the towns that it may be. */
function named(asked) {
  const found = search(towns, asked);
  if (found.length === 1 || (found.length && found[0].folded !== found[1].folded && found[0].folded === fold(asked))) {
    go({ ville: found[0].code });
    return;
  }
  boxes?.ville.show(asked);
  view.replaceChildren(...(found.length ? [links("Plusieurs villes ont ce nom : ", found.slice(0, 20))] : []));
  say(found.length ? "" : `« ${asked} » n’est pas parmi les ${number(towns.length)} villes proposées. Vérifiez l’orthographe, ou tapez son code Insee.`, true);
}

const examples = () => links("Par exemple : ", EXAMPLES.map((code) => byCode.get(code)).filter(Boolean));

function links(before, found) {
  return h(
    "p",
    null,
    before,
    found.flatMap((town, rank) => [
      rank ? ", " : "",
      h("a", { href: href({ ville: town.code }), "data-ville": town.code }, town.name),
      ` (${town.departement})`,
    ]),
    ".",
  );
}

function contextOf(town, other, reference, group) {
  const rank = rankOf(reference);
  const readings = meta.indicateurs
    .map((_, place) => ({
      found: reading(meta, town, place, rank, group),
      beside: other && reading(meta, other, place, rank, group),
    }))
    .filter(({ found }) => found);
  const byId = new Map(readings.map((one) => [one.found.indicator.id, one]));
  const told = town.saillants[rank].map(([place, claim, rest, mark]) => ({
    ...byId.get(meta.indicateurs[place].id),
    claim,
    rest,
    mark: meta.marques[mark],
  }));
  return { town, other, reference, group, readings, byId, told, against: referenceName(reference, town, group) };
}

function page(context) {
  const { town, other, reference, group, readings, told, against } = context;
  const themes = new Map(meta.themes);
  const names = group ? [] : town.comparables.map((one) => one.name);
  const distinct = new Set(told.map(({ found }) => found.indicator.id));
  const title = h("h2", { id: "tdb-titre", tabindex: "-1" }, town.name);
  const shown = { town, other, told: distinct, group, against };
  return [
    h(
      "header",
      { class: "tdb-tete" },
      title,
      h("p", null, identity(town)),
      town.prudence ? h("p", { class: "tdb-prudence" }, town.semblables) : null,
    ),
    h(
      "div",
      { class: "tdb-premier" },
      h(
        "section",
        { "aria-labelledby": "tdb-traits" },
        h("h3", { id: "tdb-traits" }, `Ce qui la distingue, face ${facing(against)}`),
        told.length ? h("p", null, howSure(told), " ", h("small", null, meta.hasard)) : null,
        told.length ? legend(reference, town, group, other) : h("p", null, nothing(group, meta.assez)),
        h("ul", { class: "tdb-traits" }, told.map((one) => trait(one, { themes, names }))),
      ),
      h(
        "section",
        { "aria-labelledby": "tdb-qui" },
        h("h3", { id: "tdb-qui" }, "Parmi qui"),
        h(
          "p",
          null,
          `Les ${town.comparables.length} petites villes qui lui ressemblent le plus par la taille, la place, les habitants et les logements ; la plus proche d’abord.`,
        ),
        peers(town, (code) => href({ ville: code }), byCode),
        town.prudence ? null : h("p", null, town.semblables),
        pulls(town, meta.eloigne),
        h("p", null, h("a", { href: "comparer.html" }, "Comment elles sont choisies")),
      ),
    ),
    h(
      "section",
      { "aria-labelledby": "tdb-themes" },
      h("h2", { id: "tdb-themes" }, "Tous les indicateurs"),
      h("p", null, `${town.name} face ${facing(against)}. « n. d. » : non disponible ; « secret » : couvert par le secret statistique. `, h("a", { href: "indicateurs.html" }, "Définitions"), "."),
      legend(reference, town, group, other),
      meta.themes.map(([key, label]) => {
        const of = readings.filter(({ found }) => found.indicator.theme === key);
        return of.length ? theme(key, label, of, { ...shown, open: opened.has(key) }) : null;
      }),
    ),
    evolution(context),
    map(context),
    takeAway(context),
    h(
      "section",
      { "aria-labelledby": "tdb-sources" },
      h("h2", { id: "tdb-sources" }, "Sources"),
      h(
        "details",
        null,
        h("summary", null, `Les ${Object.keys(meta.sources).length} sources de ces indicateurs`),
        h(
          "ul",
          null,
          Object.values(meta.sources).map(([name, link]) => h("li", null, link ? h("a", { href: link }, name) : name)),
        ),
      ),
      h("p", null, `Liste des villes au ${meta.date} ; calculs des auteurs.`),
    ),
  ];
}

const opened = new Set();

/** Say how many traits are sure, and how many may be chance. */
function howSure(told) {
  const [, chance, sure] = meta.marques.map((mark) => told.filter((one) => one.mark === mark).length);
  const among = [
    sure > 1 ? `${sure} très nets` : sure ? "un très net" : "aucun très net",
    chance > 1 ? `${chance} qui peuvent n’être que le hasard` : chance ? "un qui peut n’être que le hasard" : "",
  ];
  return `${counted(told.length, "écarts")}, dont ${among.filter(Boolean).join(" et ")}.`;
}

// -- change over time

function evolution(context) {
  const { town, other, group, byId, told } = context;
  const several = [...byId.values()].filter(
    ({ found }) => found.series.filter(Number.isFinite).length > 1,
  );
  if (!several.length) return null;
  const first = told.find(({ found }) => several.some((one) => one.found === found)) ?? several[0];
  const asked = several.find(({ found }) => found.indicator.id === state.indicateur);
  const place = h("div", { class: "tdb-dessin" });
  const heading = h("p", { class: "tdb-mesure" });
  const words = h("p", null);
  const table = h("div", { class: "tdb-defile", role: "region", tabindex: "0", "aria-label": "Tableau de l’évolution" });
  const show = (one) => {
    const { indicator, series: own, medians } = one.found;
    const series = [
      { name: town.name, values: own },
      { name: group ? "Médiane du groupe" : "Médiane des comparables", values: medians },
      ...(other && one.beside ? [{ name: other.name, values: one.beside.series }] : []),
    ];
    const told = series.map((serie) => evolutionWords(indicator, serie)).join(" ");
    const gap = series.some((serie) => !serie.values.every(Number.isFinite)) && indicator.gaps;
    heading.textContent = typographic(`${indicator.label}, ${indicator.unit}`);
    words.textContent = typographic(`${told}${gap ? ` À savoir : ${gap}` : ""}`);
    table.replaceChildren(evolutionTable(indicator, series));
    whenSeen(place, () => drawEvolution(place, { indicator, series, description: `${indicator.label}. ${told}` }));
  };
  const select = h(
    "select",
    {
      id: "tdb-indicateur",
      onchange: () => {
        state.indicateur = select.value;
        history.replaceState(null, "", href());
        show(byId.get(select.value));
      },
    },
    meta.themes.map(([key, label]) => {
      const of = several.filter(({ found }) => found.indicator.theme === key);
      return of.length
        ? h("optgroup", { label }, of.map(({ found }) => h("option", { value: found.indicator.id }, found.indicator.label)))
        : null;
    }),
  );
  const start = asked ?? first;
  select.value = start.found.indicator.id;
  show(start);
  return h(
    "section",
    { "aria-labelledby": "tdb-evolution" },
    h("h2", { id: "tdb-evolution" }, "Ce qui a changé"),
    h("p", { class: "tdb-champ" }, h("label", { for: "tdb-indicateur" }, "Indicateur"), select),
    h("div", { class: "tdb-deux" }, h("div", null, heading, place), h("div", null, words, table)),
  );
}

// -- map

function map({ town, other }) {
  const place = h("div", { class: "tdb-dessin" });
  const all = [
    ...town.comparables.map((one) => ({
      ...one,
      kind: one.pvd ? "pvd" : "hors",
      label: one.pvd ? "Ville comparable, PVD" : "Ville comparable, hors PVD",
    })),
    ...(other ? [{ ...basic(other), kind: "autre", label: other.name }] : []),
    { ...basic(town), kind: "ville", label: town.name },
  ];
  const names = town.comparables.map((one) => `${one.name} (${one.departement})`).join(", ");
  whenSeen(place, () => drawMap(place, { towns: all.filter((one) => Number.isFinite(one.lon)), description: `Carte de ${town.name} et de ses villes comparables : ${names}.` }));
  return h(
    "section",
    { "aria-labelledby": "tdb-carte" },
    h("h2", { id: "tdb-carte" }, "Où sont ses villes comparables"),
    place,
    h("p", { class: "tdb-aide" }, "La même liste, avec les noms, est plus haut sous « Parmi qui »."),
  );
}

/** Who the town is, without its name, which is just above. */
const identity = (town) => typographic(town.identite).replace(`${town.name} (${town.code}), `, "");

const basic = ({ code, name, departement, lon, lat }) => ({ code, name, departement, lon, lat });

/** Do something once a place is about to be seen, and again when the theme changes. */
function whenSeen(place, action) {
  place.redraw = () => action().catch(() => {
    place.textContent = typographic("Le dessin n’a pas pu être chargé ; les nombres sont à côté.");
  });
  if (place.seen) {
    place.redraw();
    return;
  }
  const watch = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watch.disconnect();
    place.seen = true;
    place.redraw();
  }, { rootMargin: "200px" });
  watch.observe(place);
}

function followTheme() {
  const redraw = () => {
    for (const place of root.querySelectorAll(".tdb-dessin")) if (place.seen) place.redraw();
  };
  new MutationObserver(redraw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

// -- taking away

function takeAway(context) {
  const { town, reference } = context;
  const chosen = reference === "comparables" ? "" : `&amp;reference=${reference}`;
  const source = new URL(`${location.pathname}?carte=1&amp;ville=${town.code}${chosen}`, location.href).href;
  const frame = `<iframe src="${source}" width="100%" height="${CARD_HEIGHT}" style="border:0;max-width:640px" title="Ce qui distingue ${escaped(town.name)}" loading="lazy"></iframe>`;
  const area = h("textarea", { id: "tdb-cadre", rows: "3", readonly: true, spellcheck: "false" });
  area.value = frame;
  const copied = h("span", { role: "status" });
  return h(
    "section",
    { class: "tdb-emporter", "aria-labelledby": "tdb-emporter" },
    h("h2", { id: "tdb-emporter" }, "Emporter"),
    h(
      "p",
      { class: "tdb-boutons" },
      h("button", { type: "button", id: "tdb-csv", onclick: () => download(context) }, "Télécharger les indicateurs (CSV)"),
      h("button", { type: "button", id: "tdb-imprimer", onclick: print }, "Imprimer"),
    ),
    h("p", { class: "tdb-champ" }, h("label", { for: "tdb-cadre" }, "Pour montrer cette ville sur un autre site"), area),
    h(
      "p",
      null,
      h(
        "button",
        {
          type: "button",
          onclick: async () => {
            area.select();
            const done = await navigator.clipboard?.writeText(frame).then(() => true, () => false);
            copied.textContent = typographic(done ? " Copié." : " Le texte est sélectionné : copiez-le.");
          },
        },
        "Copier",
      ),
      copied,
    ),
  );
}

/** Print once every drawing is there, seen or not. */
async function print() {
  await Promise.all([...root.querySelectorAll(".tdb-dessin")].map((place) => {
    place.seen = true;
    return place.redraw();
  }));
  window.print();
}

/** A text as the value of an attribute of HTML. */
const escaped = (text) =>
  text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");

/** The lines of the CSV: one an indicator and a year, the reference beside; then the other town's. */
export function lines({ town, other, readings, against }) {
  const head = ["code", "ville", "theme", "indicateur", "annee", "valeur", "unite", "nombre", "unite_nombre", "mediane_reference", "reference", "part_de_la_reference_en_dessous"];
  const themes = new Map(meta.themes);
  const known = (value) => (value === "s" ? "secret" : value);
  const of = (one, { indicator, series, count, medians, rank: below }, compared) =>
    indicator.years.map((year, rank) => {
      const latest = rank === indicator.latest;
      return [
        one.code,
        one.name,
        themes.get(indicator.theme),
        indicator.label,
        year,
        known(series[rank]),
        indicator.unit,
        latest ? count : null,
        latest && indicator.count ? indicator.count[0] : null,
        ...(compared ? [medians[rank], against, latest ? below : null] : [null, null, null]),
      ];
    });
  return [
    head,
    ...readings.flatMap(({ found, beside }) => [...of(town, found, true), ...(beside ? of(other, beside, false) : [])]),
  ];
}

function download(context) {
  const blob = new Blob([csv(lines(context))], { type: "text/csv;charset=utf-8" });
  const link = h("a", { href: URL.createObjectURL(blob), download: `tableau-${context.town.code}.csv` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// -- the card

function card(context) {
  const { town, group, told, against } = context;
  const themes = new Map(meta.themes);
  const names = group ? [] : town.comparables.map((one) => one.name);
  return [
    h(
      "header",
      { class: "tdb-tete" },
      h("h1", null, town.name),
      h("p", null, identity(town)),
    ),
    h("h2", null, `Ce qui la distingue, face ${facing(against)}`),
    told.length ? legend(context.reference, town, group) : h("p", null, nothing(group, meta.assez)),
    h("ul", { class: "tdb-traits" }, told.slice(0, TRAITS_OF_CARD).map((one) => trait(one, { themes, names, brief: true }))),
    h("p", null, h("a", { href: href(), target: "_blank", rel: "noopener" }, "Voir le tableau de bord entier")),
    h("p", { class: "tdb-aide" }, `Portrait des petites villes, liste des villes au ${meta.date}.`),
  ];
}

function becomeCard() {
  const alone = h("main", { class: "tdb-seule" });
  for (const element of [...document.body.children]) element.hidden = true;
  alone.append(root);
  document.body.append(alone);
  document.body.classList.add("tdb-carte");
}

// -- start

async function start() {
  if (asCard) becomeCard();
  view = h("div", { class: "tdb-vue" });
  let index;
  try {
    [meta, index] = await Promise.all([load("meta.json"), load("index.json")]);
  } catch {
    say("Les données du tableau de bord n’ont pas pu être lues. Vérifiez la connexion, puis rechargez la page.", true);
    return;
  }
  towns = prepared(index);
  byCode = new Map(towns.map((town) => [town.code, town]));
  readAddress();
  if (!asCard) root.append(controls(), h("p", { id: "tdb-annonce", class: "tdb-cache", role: "status" }));
  root.append(view);
  root.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-ville]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go({ ville: link.dataset.ville }, { push: true }).then(focusTitle);
  });
  root.addEventListener("toggle", (event) => {
    const key = event.target.dataset?.theme;
    if (!key) return;
    opened[event.target.open ? "add" : "delete"](key);
    event.target.fill();
  }, true);
  window.addEventListener("popstate", () => {
    readAddress();
    document.getElementById("tdb-reference").value = state.reference;
    refresh();
  });
  window.addEventListener("beforeprint", () => {
    for (const one of root.querySelectorAll("details.tdb-volet")) {
      one.fill();
      one.open = true;
    }
    for (const place of root.querySelectorAll(".tdb-dessin:empty")) place.redraw();
  });
  followTheme();
  // Nothing is above the box that a reader would miss; on a small screen, the keyboard would hide it.
  if (boxes && !state.ville && WIDE.matches) boxes.ville.input.focus({ preventScroll: true });
  await refresh();
}

function focusTitle() {
  const title = document.getElementById("tdb-titre");
  title?.focus({ preventScroll: true });
  title?.scrollIntoView({ block: "start" });
}

function controls() {
  const ville = combobox({
    id: "tdb-ville",
    label: "Votre ville",
    help: `${number(towns.filter((town) => town.pvd).length)} Petites villes de demain (PVD) et leurs semblables ; accents et tirets facultatifs.`,
    towns,
    chosen: (town) => go({ ville: town.code, indicateur: "" }, { push: true }),
  });
  const avec = combobox({
    id: "tdb-avec",
    label: "À côté de (facultatif)",
    towns,
    optional: true,
    chosen: (town) => go({ avec: town?.code ?? "" }),
  });
  const reference = h(
    "select",
    { id: "tdb-reference", onchange: () => go({ reference: reference.value }) },
    meta.references.map(([key, label]) => h("option", { value: key }, label)),
  );
  reference.value = state.reference;
  boxes = { ville, avec };
  const more = h(
    "details",
    { class: "tdb-plus", open: WIDE.matches || Boolean(state.avec) || state.reference !== "comparables" },
    h("summary", null, "Comparer autrement"),
    h(
      "div",
      null,
      h("div", { class: "tdb-recherche" }, h("label", { for: "tdb-reference" }, "Comparer à"), reference),
      avec.box,
    ),
  );
  WIDE.addEventListener("change", () => {
    more.open ||= WIDE.matches;
  });
  return h(
    "form",
    { class: "tdb-commandes", role: "search", "aria-label": "Choisir une ville", onsubmit: (event) => event.preventDefault() },
    ville.box,
    more,
  );
}

await start();
