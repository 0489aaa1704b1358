// Texts, times and numbers in the user's language. There is one JSON file per language; English is the fallback.

const LANGUAGES = ["en", "de"];
let language = "en"; // of the texts
let locale = "en"; // of times and numbers, such as en-GB
let texts = {};
/** Loads the first of the browser's languages that we have; `?lang=de` overrides it. */
async function load() {
  const wanted = [new URLSearchParams(location.search).get("lang"), ...navigator.languages, "en"].filter(Boolean);
  const first = wanted.find((each) => LANGUAGES.includes(languageOf(each)));
  language = languageOf(first);
  locale = navigator.languages.find((each) => languageOf(each) === language) ?? language;
  texts = await (await fetch(`/chat/text/${language}.json`)).json();
  document.documentElement.lang = language;
}

/** The text of a key with its placeholders filled in; plural forms are selected by `values.count`. */
export function t(key, values = {}) {
  let text = texts[key];
  if (text && typeof text === "object") text = text[new Intl.PluralRules(language).select(values.count)] ?? text.other;
  return text === undefined ? key : text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** Whether there is a text for this key. */
export const has = (key) => key in texts;

/** Alice, Bob and Carol. */
export const list = (names) => new Intl.ListFormat(locale).format(names);

/** 14:05. */
export const time = (at) =>
  new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" }).format(new Date(at));

/** Today, yesterday, or Thursday, 5 November. */
export function day(at) {
  const date = new Date(at);
  const days = Math.round((midnight(new Date()) - midnight(date)) / 86_400_000);
  if (days === 0 || days === 1) {
    const words = new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(-days, "day");
    return words[0].toUpperCase() + words.slice(1);
  }
  const year = date.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long", year }).format(date);
}

/** The time if it is today, otherwise a short date. */
export function moment(at) {
  const date = new Date(at);
  if (midnight(date) === midnight(new Date())) return time(at);
  return new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" }).format(date);
}

/** The local day of a time, as a key. */
export const dayKey = (at) => String(midnight(new Date(at)));

/** 1.5 MB. */
export function size(bytes) {
  const step = [
    ["gigabyte", 1e9],
    ["megabyte", 1e6],
    ["kilobyte", 1e3],
  ].find(([, unit]) => bytes >= unit) ?? ["byte", 1];
  const options = { style: "unit", unit: step[0], unitDisplay: "short", maximumFractionDigits: 1 };
  return new Intl.NumberFormat(locale, options).format(bytes / step[1]);
}

/** 42 %. */
export const percent = (part) => new Intl.NumberFormat(locale, { style: "percent" }).format(part);

const languageOf = (tag) => tag.slice(0, 2).toLowerCase();
const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
const loading = load(); // in parallel with the other scripts

/** Resolves when the texts are loaded. */
export const loadTexts = () => loading;
