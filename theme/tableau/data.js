// The files of the dashboard, read once each, and numbers and words as the French write them.

const BASE = new URL(".", import.meta.url);
const files = new Map();

/** Address of a file of the dashboard. */
export const address = (path) => new URL(path, BASE).href;

/** Read a JSON file, once. A failure is forgotten, so that it can be tried again. */
export function load(path) {
  if (!files.has(path)) {
    const asked = fetch(address(path)).then((answer) => {
      if (!answer.ok) throw new Error(`${path} : réponse ${answer.status}`);
      return answer.json();
    });
    asked.catch(() => files.delete(path));
    files.set(path, asked);
  }
  return files.get(path);
}

// -- words and numbers

const formats = new Map();

/** Write a number, no more than three digits where it has decimals; "n. d.", "secret". */
export function number(value, asked = 0) {
  if (value === "s") return "secret";
  if (value === null || value === undefined) return "n.\u00a0d.";
  const size = Math.abs(value);
  const decimals = Math.min(asked, size >= 100 ? 0 : size >= 10 ? 1 : asked);
  if (!formats.has(decimals)) {
    formats.set(
      decimals,
      new Intl.NumberFormat("fr-FR", {
        minimumFractionDigits: decimals,
        maximumFractionDigits: decimals,
      }),
    );
  }
  return formats.get(decimals).format(value).replace("-", "\u2212");
}

/** Write a number and its unit. */
export function quantity(value, unit, decimals) {
  const text = number(value, decimals);
  return Number.isFinite(value) && unit ? `${text}\u00a0${unit}` : text;
}

/** Agree a unit in the plural with a count: below 2, the singular, made if it is not given. */
export function counted(value, unit, decimals = 0, singular = "") {
  const one = singular || unit.replace(/^(\p{L}{3,}?)[sx](?= |$)/u, "$1");
  return quantity(value, Math.abs(value) < 2 ? one : unit, decimals);
}

/** Set the French no-break spaces and apostrophes. */
export function typographic(text) {
  return text
    .replace(/(?<=\p{L})'(?=\p{L})/gu, "’")
    .replace(/«[ \u00a0\u202f]?/g, "«\u00a0")
    .replace(/[ \u00a0\u202f]?»/g, "\u00a0»")
    .replace(/ :(?= |$)/g, "\u00a0:")
    .replace(/ ([;!?])(?= |$)/g, "\u202f$1")
    .replace(/(\d) %/g, "$1\u00a0%");
}

/** Fold a name for search: no case, accent, hyphen or apostrophe; "St" is "Saint". */
export function fold(text) {
  const saints = { st: "saint", ste: "sainte", sts: "saints", stes: "saintes" };
  return text
    .toLowerCase()
    .replaceAll("œ", "oe")
    .replaceAll("æ", "ae")
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean)
    .map((word) => saints[word] ?? word)
    .join(" ");
}

// -- towns

/** The town's code, name, département, longitude, latitude, and whether it is a PVD. */
export function place(line) {
  const [code, name, departement, lon, lat, pvd] = line;
  return { code, name: typographic(name), departement: typographic(departement), lon, lat, pvd };
}

/** Quantiles of known values, by linear interpolation. */
function quantile(sorted, share) {
  const rank = (sorted.length - 1) * share;
  const low = Math.floor(rank);
  const high = Math.ceil(rank);
  return sorted[low] + (sorted[high] - sorted[low]) * (rank - low);
}

/**
 * Return what is known of a town on one indicator, against a reference.
 *
 * `group` is the file of the reference, or null for the comparable towns.
 */
export function reading(meta, town, rank, reference, group) {
  const indicator = meta.indicateurs[rank];
  const line = town.i[rank];
  if (!line) return null;
  const scale = 10 ** indicator.decimals;
  const plain = (value) => (typeof value === "number" ? value / scale : value);
  const [own, counts, others, medians, ranks] = line;
  const series = own.map(plain);
  const found = {
    indicator,
    series,
    own: series[indicator.latest],
    count: counts ? unscaled(counts[indicator.latest], indicator.count[1]) : null,
    rank: ranks[reference],
    others: [],
    known: 0,
    summary: null,
    medians: [],
  };
  if (group) {
    const summary = group.i[rank];
    if (summary) {
      found.known = summary[0];
      found.summary = summary[1].map(plain);
      found.medians = summary[2].map(plain);
    }
  } else {
    found.others = others.map(plain);
    found.medians = medians.map(plain);
    const known = found.others.filter(Number.isFinite).sort((a, b) => a - b);
    found.known = known.length;
    if (known.length) {
      found.summary = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1].map((share) => quantile(known, share));
    }
  }
  found.median = found.summary ? found.summary[3] : null;
  return found;
}

const unscaled = (value, decimals) => (typeof value === "number" ? value / 10 ** decimals : value);

// -- sentences

/** Say how many of the reference are below or above. */
export function rankWords(found, group) {
  const { own, others, rank, known } = found;
  if (!Number.isFinite(own) || rank === null || !known) return "";
  if (group) {
    return rank >= 50
      ? `plus haut que dans ${number(rank)} % des villes`
      : `plus bas que dans ${number(100 - rank)} % des villes`;
  }
  const below = others.filter((value) => Number.isFinite(value) && value < own).length;
  const above = others.filter((value) => Number.isFinite(value) && value > own).length;
  if (!below && !above) return `comme dans les ${known} villes comparables`;
  const [word, count] = below >= above ? ["haut", below] : ["bas", above];
  return count === known
    ? `plus ${word} que dans ses ${known} villes comparables`
    : `plus ${word} que dans ${count} de ses ${known} villes comparables`;
}

// -- CSV

/** Write a cell: a number in French, a text that no spreadsheet takes for a formula. */
export function cell(value) {
  if (typeof value === "number") return String(value).replace(".", ",");
  if (value === null || value === undefined) return "";
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[";\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Write lines as a CSV that a French spreadsheet opens: UTF-8 with BOM, semicolons. */
export const csv = (lines) =>
  `\ufeff${lines.map((line) => line.map(cell).join(";")).join("\r\n")}\r\n`;
