// The slider of a result: moves the numbers, the sentence, the confusion table and the marks in
// the charts at once, from the curve that is stored with the result. Without it the page shows the
// row that the server chose, and the form asks the server for another. What is moved, and how it
// is written, the page says (portal/showcase/explorer.py has the same formats).

const language = document.documentElement.lang || "en";

const fixed = (places, more = {}) =>
  new Intl.NumberFormat(language, {
    minimumFractionDigits: places,
    maximumFractionDigits: places,
    ...more,
  });
const upTo = (digits) => new Intl.NumberFormat(language, { maximumSignificantDigits: digits });

// "8 of 10"; 0.97 is "97 of 100", for it is not "10 of 10".
function outOf(value, people, words) {
  for (let whole = people; ; whole *= 10) {
    const part = Math.floor(whole * value + 0.5);
    if ((part > 0 && part < whole) || value === 0 || value === 1 || whole >= 10000) {
      return words
        .replace("{part}", fixed(0).format(part))
        .replace("{whole}", fixed(0).format(whole));
    }
  }
}

const WRITERS = {
  count: () => (value) => fixed(0).format(value),
  number: (places) => (value) => fixed(places).format(value),
  percent: (places) => (value) => `${fixed(places).format(100 * value)}%`,
  thousand: (places) => (value) => fixed(places).format(1000 * value),
  significant: (digits) => (value) => upTo(digits).format(value),
  share: (digits) => (value) => `${upTo(digits).format(100 * value)}%`,
  of: (people, words) => (value) => outOf(value, people, words),
  days: (places) => (value) =>
    fixed(places, { style: "unit", unit: "day", unitDisplay: "long" }).format(value),
};

function writer(style, ofWords) {
  const [kind, digits] = style.split(":");
  const write = WRITERS[kind](Number(digits ?? 0), ofWords);
  return (value) => {
    const words = write(value).replace("-", "\u2212");
    return /[1-9]/.test(words) ? words : words.replace("\u2212", "");
  };
}

function perThousand(row) {
  const counts = [row.true_positive, row.false_positive, row.false_negative, row.true_negative];
  if (counts.some((value) => value === null || value === undefined)) return null;
  const total = counts.reduce((sum, value) => sum + value, 0);
  if (!total) return null;
  const [found, alarms, missed] = counts.map((value) => Math.floor((1000 * value) / total + 0.5));
  return { found, alarms, missed, flagged: found + alarms };
}

function explore(form) {
  const source = JSON.parse(document.querySelector(form.dataset.explorer).textContent);
  const { columns, parameter, formats } = source;
  const names = Object.keys(columns);
  const positions = columns[parameter];
  const slider = form.querySelector("input[type=range]");
  const write = (name, value, style) =>
    value === null || value === undefined
      ? source.nothing
      : writer(style ?? formats[name] ?? "count", source.of)(value);

  const nearest = (target) =>
    positions.reduce(
      (best, value, index) =>
        Math.abs(value - target) < Math.abs(positions[best] - target) ? index : best,
      0,
    );

  const asked = Number.parseFloat(new URLSearchParams(location.search).get(parameter));
  const start = nearest(Number.isFinite(asked) ? asked : Number(form.dataset.chosen));

  // The slider steps along the rows of the curve, however they are spaced.
  slider.removeAttribute("name");
  slider.min = 0;
  slider.max = positions.length - 1;
  slider.step = 1;
  slider.value = start;
  for (const element of form.querySelectorAll("[data-without-script]")) element.hidden = true;

  function sentence(row) {
    const known = { ...row, ...(perThousand(row) ?? {}) };
    let isHidden = false;
    const words = source.sentence.replace(/\{(\w+)(?::([\w:]+))?\}/g, (_, name, style) => {
      isHidden ||= known[name] === null || known[name] === undefined;
      return isHidden ? "" : write(name, known[name], style);
    });
    return isHidden ? source.hidden : words;
  }

  const show = (index) => {
    const row = Object.fromEntries(names.map((name) => [name, columns[name][index] ?? null]));
    const at = write(parameter, row[parameter]);
    slider.setAttribute("aria-valuetext", at);
    for (const label of form.querySelectorAll("[data-at]")) label.textContent = at;
    for (const element of form.querySelectorAll("[data-value]")) {
      const name = element.dataset.value;
      element.textContent = write(name, row[name]);
    }
    for (const range of form.querySelectorAll("[data-lower]")) {
      const [lower, upper] = [row[range.dataset.lower], row[range.dataset.upper]];
      const style = range.dataset.format;
      range.textContent =
        lower === null || upper === null
          ? ""
          : source.interval
              .replace("{lower}", write("", lower, style))
              .replace("{upper}", write("", upper, style));
    }
    form.querySelector("output").textContent = sentence(row);
    document.dispatchEvent(new CustomEvent("explorer:change", { detail: row }));
  };

  let waiting = 0;
  slider.addEventListener("input", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => show(slider.valueAsNumber));
  });
  slider.addEventListener("change", () => {
    const address = new URL(location.href);
    const value = Number(positions[slider.valueAsNumber].toPrecision(6));
    address.searchParams.set(parameter, value);
    history.replaceState(history.state, "", address);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  show(start);
}

for (const form of document.querySelectorAll("form[data-explorer]")) explore(form);
