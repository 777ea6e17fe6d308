// A box to find a town: the combobox pattern of WAI-ARIA, with a list that filters.

import { fold, typographic } from "./data.js";
import { h } from "./dom.js";

const SHOWN = 10;

/** Prepare the index: each town with what it is searched by. */
export function prepared(index) {
  return index.villes.map(([code, name, departement, pvd]) => ({
    code,
    name: typographic(name),
    pvd,
    departement: typographic(index.departements[departement] ?? departement),
    folded: fold(name),
    where: fold(`${index.departements[departement] ?? ""} ${departement}`).split(" "),
  }));
}

/** Find the towns of a query: those that begin so, then those with a word that does. */
export function search(towns, query) {
  const asked = fold(query);
  if (!asked) return [];
  const rank = ({ folded, where, code }) => {
    if (folded === asked || code.toLowerCase() === asked) return 0;
    if (folded.startsWith(asked)) return 1;
    if (` ${folded}`.includes(` ${asked}`)) return 2;
    const parts = asked.split(" ");
    const words = folded.split(" ");
    const begun = (part, among) => among.some((word) => word.startsWith(part));
    if (parts.every((part) => begun(part, words))) return 3;
    // The end of what was typed may be the département: "saint pierre martinique".
    const named = parts.filter((part) => begun(part, words)).length;
    return named && parts.every((part) => begun(part, words) || begun(part, where)) ? 3.4 : 9;
  };
  return towns
    .map((town) => [rank(town) - (town.pvd ? 0.5 : 0), town])
    .filter(([score]) => score < 4)
    .sort(([a, one], [b, two]) => a - b || one.folded.localeCompare(two.folded, "fr"))
    .map(([, town]) => town);
}

/**
 * Make a labelled combobox.
 *
 * `chosen` is called with a town, or with null when the box is emptied (if `optional`).
 */
export function combobox({ id, label, help, towns, chosen, optional = false }) {
  let options = [];
  let active = -1;
  const list = h("ul", { id: `${id}-liste`, role: "listbox", "aria-label": label, hidden: true });
  const status = h("p", { class: "tdb-cache", role: "status" });
  const input = h("input", {
    id,
    type: "text",
    role: "combobox",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    enterkeyhint: "go",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": list.id,
    "aria-describedby": help ? `${id}-aide` : null,
  });

  const close = () => {
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const point = (rank) => {
    active = rank;
    [...list.children].forEach((item, place) => {
      item.setAttribute("aria-selected", String(place === rank));
    });
    if (rank < 0) input.removeAttribute("aria-activedescendant");
    else {
      input.setAttribute("aria-activedescendant", list.children[rank].id);
      list.children[rank].scrollIntoView({ block: "nearest" });
    }
  };
  const choose = (town) => {
    input.value = town.name;
    status.textContent = "";
    close();
    chosen(town);
    if (document.activeElement === input) input.select(); // the next name typed takes its place
  };
  const refresh = () => {
    const query = input.value.trim();
    const found = search(towns, query);
    options = found.slice(0, SHOWN);
    list.replaceChildren(
      ...options.map((town, rank) =>
        h(
          "li",
          {
            id: `${id}-${rank}`,
            role: "option",
            "aria-selected": "false",
            onpointerdown: (event) => event.preventDefault(),
            onclick: () => choose(town),
          },
          h("span", null, town.name),
          " ",
          h("small", null, `${town.departement}${town.pvd ? ", PVD" : ""}`),
        ),
      ),
    );
    list.hidden = !options.length;
    active = -1;
    input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-expanded", String(options.length > 0));
    const told = found.length > SHOWN ? `${SHOWN} premières sur ${found.length}` : `${found.length}`;
    const none = "Aucune ville de ce nom : vérifiez l’orthographe, ou tapez son code Insee.";
    status.textContent = !query
      ? ""
      : typographic(options.length ? `${told} : flèches, puis Entrée.` : none);
    status.classList.toggle("tdb-cache", !query || options.length > 0);
  };

  input.addEventListener("input", () => {
    if (optional && !input.value.trim()) chosen(null);
    refresh();
  });
  input.addEventListener("focus", () => input.select());
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) refresh();
      if (!options.length) return;
      const step = event.key === "ArrowDown" ? 1 : -1;
      point(active < 0 && step < 0 ? options.length - 1 : (active + step + options.length) % options.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (list.hidden) refresh();
      if (options.length) choose(options[Math.max(active, 0)]);
    } else if (event.key === "Escape") {
      if (!list.hidden) close();
      else if (input.value) {
        input.value = "";
        if (optional) chosen(null);
      }
    }
  });

  const box = h(
    "div",
    { class: "tdb-recherche" },
    h("label", { for: id }, label),
    h("div", { class: "tdb-boite" }, input, list),
    help && h("p", { id: `${id}-aide`, class: "tdb-aide" }, help),
    status,
  );
  return { box, input, show: (name) => { input.value = name ?? ""; } };
}
