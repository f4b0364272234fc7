// Draws the figures of a page with plotly.js: each once it comes near the screen, in the colours
// of the theme, following the result's slider. Figures are JSON written by the server; colours in
// it are names of custom properties, "var(--uc)".

const script = document.querySelector("script[data-plotly]");
const language = document.documentElement.lang || "en";
const config = {
  displayModeBar: false,
  displaylogo: false,
  showSendToCloud: false,
  scrollZoom: false,
  doubleClick: false,
  responsive: false, // the ResizeObserver below sees more than the window
};

// plotly.js carries a style sheet for maps, which are not drawn here and which the page's policy
// refuses; it leaves it out where an element of this id exists.
const MAP_STYLES = "9f215cf04c5486422605d13261cb87401f4e7763b6296af81e98efbc0130da53";

let loading;
function loadPlotly() {
  loading ??= new Promise((resolve, reject) => {
    if (window.Plotly) return resolve(window.Plotly);
    const instead = document.createElement("meta");
    instead.id = MAP_STYLES;
    const element = document.createElement("script");
    element.src = script.dataset.plotly;
    element.onload = () => resolve(window.Plotly);
    element.onerror = () => reject(new Error("plotly.js could not be loaded"));
    document.head.append(instead, element);
  });
  return loading;
}

// A custom property holds the words of light-dark(…); only a painted colour is resolved.
function resolver(container) {
  const probe = document.createElement("span");
  probe.hidden = true;
  container.parentElement.append(probe);
  const known = new Map();
  const resolve = (name) => {
    if (!known.has(name)) {
      const band = name.endsWith("-band");
      probe.style.color = `var(--${band ? name.slice(0, -5) : name})`;
      const parts = getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).join(", ");
      known.set(name, band ? `rgba(${parts}, 0.18)` : `rgb(${parts})`);
    }
    return known.get(name);
  };
  const walk = (value) => {
    if (typeof value === "string") {
      const name = value.startsWith("var(--") && value.match(/^var\(--([\w-]+)\)$/)?.[1];
      return name ? resolve(name) : value;
    }
    if (Array.isArray(value)) return typeof value[0] === "number" ? value : value.map(walk);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item)]));
    }
    return value;
  };
  return { walk, done: () => probe.remove() };
}

function separators() {
  const parts = new Intl.NumberFormat(language).formatToParts(1234567.8);
  const find = (type, otherwise) => parts.find((part) => part.type === type)?.value ?? otherwise;
  return find("decimal", ".") + find("group", ",");
}

const drawn = new Map(); // container -> the figure as the server wrote it
let chosen = null; // where the page's slider stands: the row of its curve

function nearest(values, target) {
  let best = 0;
  for (let index = 1; index < values.length; index += 1) {
    if (Math.abs(values[index] - target) < Math.abs(values[best] - target)) best = index;
  }
  return best;
}

// A trace that follows says where it stands at each value of a column: meta {follows, at, x, y, text, beside}.
function follow(figure) {
  if (chosen === null) return [];
  const moved = [];
  figure.data.forEach((trace, index) => {
    const value = chosen[trace.meta?.follows];
    if (typeof value !== "number" || !trace.meta.at.length) return;
    const place = nearest(trace.meta.at, value);
    trace.x = trace.meta.x[place];
    trace.y = trace.meta.y[place];
    if (trace.meta.text) trace.text = trace.meta.text[place];
    if (trace.meta.beside) trace.textposition = trace.meta.beside[place];
    moved.push(index);
  });
  return moved;
}

function dressed(container) {
  const figure = drawn.get(container);
  const colours = resolver(container);
  const result = { data: colours.walk(figure.data), layout: colours.walk(figure.layout) };
  colours.done();
  return result;
}

function failed(container, error) {
  console.error(error);
  container.classList.remove("waiting");
  container.classList.add("unavailable");
  container.textContent = container.dataset.failure ?? "";
  container.closest("figure")?.querySelector("details")?.setAttribute("open", "");
}

const begun = new WeakSet(); // printing asks again for charts that are on their way

async function draw(container) {
  if (begun.has(container)) return;
  begun.add(container);
  try {
    const source = document.querySelector(container.dataset.figure);
    const { data, layout } = JSON.parse(source.textContent);
    const Plotly = await loadPlotly();
    // The height is the container's, which stood before the chart came.
    const { height: _height, width: _width, ...rest } = layout;
    drawn.set(container, { data, layout: { ...rest, autosize: true, separators: separators() } });
    follow(drawn.get(container));
    const figure = dressed(container);
    container.classList.remove("waiting");
    await Plotly.newPlot(container, figure.data, figure.layout, config);
    container.setAttribute("role", "img");
    container.setAttribute("aria-label", container.dataset.question);
    resized.observe(container);
    for (const button of figureButtons(container)) button.hidden = false;
  } catch (error) {
    failed(container, error);
  }
}

const figureButtons = (container) =>
  container.closest("figure")?.querySelectorAll("[data-figure-image]") ?? [];

const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.isConnected && target.offsetWidth) window.Plotly.Plots.resize(target);
    else if (!target.isConnected) {
      resized.unobserve(target);
      drawn.delete(target);
    }
  }
});

const near = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      draw(entry.target);
    }
  },
  { rootMargin: "400px 0px" },
);

function watch(root) {
  for (const container of root.querySelectorAll("[data-figure]")) {
    if (!drawn.has(container)) near.observe(container);
  }
}

function redraw() {
  for (const container of drawn.keys()) {
    const figure = dressed(container);
    const layout = onPaper ? { ...figure.layout, autosize: false, ...paperSize(container) } : figure.layout;
    window.Plotly.react(container, figure.data, layout, config);
  }
}

// Paper is white whatever the theme, and as wide as it is. Charts are lines with colours and places
// of their own, so they are drawn anew before the page is laid out for it, and again afterwards.
const PAPER_WIDTH = 610; // A4 and Letter less the page's margins and the card's padding
let onPaper = false;
function paperSize(container) {
  return { width: Math.min(PAPER_WIDTH, container.clientWidth), height: container.offsetHeight };
}
function turnToPaper(on) {
  if (on === onPaper) return;
  onPaper = on;
  document.documentElement.style.colorScheme = on ? "light" : "";
  redraw();
}
matchMedia("print").addEventListener("change", ({ matches }) => turnToPaper(matches));
addEventListener("afterprint", () => turnToPaper(false));

document.addEventListener("theme:change", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

document.addEventListener("explorer:change", ({ detail }) => {
  chosen = detail;
  for (const [container, figure] of drawn) {
    const moved = follow(figure);
    if (!moved.length) continue;
    const traces = moved.map((index) => figure.data[index]);
    window.Plotly.restyle(
      container,
      {
        x: traces.map((trace) => trace.x),
        y: traces.map((trace) => trace.y),
        text: traces.map((trace) => trace.text),
        textposition: traces.map((trace) => trace.textposition ?? "middle center"),
      },
      moved,
    );
  }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-figure-image]");
  const container = button?.closest("figure").querySelector("[data-figure]");
  if (!container || !drawn.has(container)) return;
  // A page's ground comes along, so that the picture can be read on any other.
  const colours = resolver(container);
  const layout = { ...container.layout, paper_bgcolor: colours.walk("var(--paper)") };
  colours.done();
  window.Plotly.downloadImage({ data: container.data, layout, config }, {
    format: "png",
    scale: 2,
    // With the last part of the address: two results' pictures differ by name.
    filename: `${button.dataset.figureImage}-${location.pathname.split("/").filter(Boolean).at(-1)}`,
    width: container.offsetWidth,
    height: container.offsetHeight,
  });
});

addEventListener("beforeprint", () => {
  turnToPaper(true);
  for (const container of document.querySelectorAll(".plot.waiting")) {
    near.unobserve(container);
    draw(container);
  }
});

document.addEventListener("htmx:load", (event) => watch(event.detail.elt.parentElement ?? document));
watch(document);
