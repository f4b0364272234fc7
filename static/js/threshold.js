// The threshold slider: moves the confusion table, the measures and the marks in the charts at
// once, from the curve that is stored with the result. Without it the page shows the row that the
// server chose, and the form asks the server for another.

const language = document.documentElement.lang || "en";

function formatter(format) {
  const [kind, digits] = (format ?? "count").split(":");
  const places = Number(digits ?? (kind === "percent" ? 1 : 0));
  const options = { minimumFractionDigits: places, maximumFractionDigits: places };
  const numbers = new Intl.NumberFormat(language, options);
  const scale = { percent: 100, thousand: 1000 }[kind] ?? 1;
  const unit = kind === "percent" ? "%" : "";
  return (value) => {
    const words = numbers.format(value * scale).replace("-", "\u2212");
    return (/[1-9]/.test(words) ? words : words.replace("\u2212", "")) + unit;
  };
}

const share = (value) =>
  new Intl.NumberFormat(language, { maximumSignificantDigits: 3 }).format(100 * value) + "%";

function perThousand(row) {
  const counts = [row.true_positive, row.false_positive, row.false_negative, row.true_negative];
  if (counts.some((value) => value === null || value === undefined)) return null;
  const total = counts.reduce((sum, value) => sum + value, 0);
  const [found, alarms, missed] = counts.map((value) => Math.round((1000 * value) / total));
  return { found, alarms, missed, flagged: found + alarms };
}

function explore(form) {
  const source = JSON.parse(document.querySelector(form.dataset.curve).textContent);
  const columns = source.columns ?? source;
  const names = Object.keys(columns);
  const thresholds = columns.threshold;
  const slider = form.querySelector("input[type=range]");
  const fields = [...form.querySelectorAll("[data-value]")].map((element) => ({
    element,
    name: element.dataset.value,
    format: formatter(element.dataset.format),
  }));
  const sentences = form.querySelectorAll("[data-sentence]");
  const labels = form.querySelectorAll("[data-threshold]");

  const nearest = (target) =>
    thresholds.reduce(
      (best, value, index) =>
        Math.abs(value - target) < Math.abs(thresholds[best] - target) ? index : best,
      0,
    );

  const asked = Number.parseFloat(new URLSearchParams(location.search).get("threshold"));
  const start = nearest(Number.isFinite(asked) ? asked : Number(form.dataset.chosen));

  // The slider steps along the rows of the curve, however they are spaced.
  slider.removeAttribute("name");
  slider.min = 0;
  slider.max = thresholds.length - 1;
  slider.step = 1;
  slider.value = start;
  for (const element of form.querySelectorAll("[data-without-script]")) element.hidden = true;

  const show = (index) => {
    const row = Object.fromEntries(names.map((name) => [name, columns[name][index] ?? null]));
    const at = share(row.threshold);
    slider.setAttribute("aria-valuetext", at);
    for (const label of labels) label.textContent = at;
    for (const { element, name, format } of fields) {
      const hidden = row[name] === null;
      element.textContent = hidden ? form.dataset.hidden : format(row[name]);
    }
    for (const range of form.querySelectorAll("[data-range]")) {
      const lower = row[`${range.dataset.range}_lower`];
      const upper = row[`${range.dataset.range}_upper`];
      const format = formatter(range.dataset.format);
      range.textContent =
        lower === null || upper === null || lower === undefined || upper === undefined
          ? ""
          : form.dataset.interval
              .replace("{lower}", format(lower))
              .replace("{upper}", format(upper));
    }
    const people = perThousand(row);
    for (const sentence of sentences) {
      sentence.textContent = people
        ? sentence.dataset.sentence.replace(/\{(\w+)\}/g, (_, name) => people[name])
        : sentence.dataset.hidden;
    }
    document.dispatchEvent(new CustomEvent("threshold:change", { detail: row }));
  };

  let waiting = 0;
  slider.addEventListener("input", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => show(slider.valueAsNumber));
  });
  slider.addEventListener("change", () => {
    const address = new URL(location.href);
    address.searchParams.set("threshold", Number(thresholds[slider.valueAsNumber].toPrecision(6)));
    history.replaceState(history.state, "", address);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  show(start);
}

for (const form of document.querySelectorAll("form[data-threshold-explorer]")) explore(form);
