// What is wrong with the figures of the page that is open, in a person's words. Text and marks are
// judged as drawn: their boxes, and the colours that the browser resolved.
() => {
  const plots = [...document.querySelectorAll(".plot")];
  const drawnTables = [...document.querySelectorAll(".heat, .forest, .paired")];
  const visible = (element) => element.getClientRects().length > 0;
  const named = (element) => element.dataset?.figure ?? element.getAttribute("aria-label") ?? element.className;
  const words = (root) => [...root.querySelectorAll("text")]
    .filter((text) => text.textContent.trim() && visible(text));
  const each = (judge) => plots.flatMap((plot) => judge(plot).map((fault) => `${named(plot)}: ${fault}`));

  const light = (colour) => colour.match(/[\d.]+/g).slice(0, 3).map((value) => value / 255)
    .map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const opaque = (colour) => /^rgb\(/.test(colour) || /, 1\)$/.test(colour);
  const contrast = (one, other) => {
    const [a, b] = [light(one), light(other)];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (opaque(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };

  return {
    // Cut at the figure's edge, too small, or over one another
    unreadable: each((plot) => {
      const box = plot.getBoundingClientRect();
      const texts = words(plot);
      const faults = texts.flatMap((text) => {
        const word = text.getBoundingClientRect();
        const size = Number.parseFloat(getComputedStyle(text).fontSize);
        if (size < 11) return [`"${text.textContent}" is ${size} pixels small`];
        const out = Math.max(box.left - word.left, word.right - box.right, box.top - word.top,
          word.bottom - box.bottom);
        return out > 2 ? [`"${text.textContent}" is ${out.toFixed(0)} pixels beyond the edge`] : [];
      });
      texts.forEach((one, index) => {
        for (const other of texts.slice(index + 1)) {
          const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
          const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
          const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
          if (across > 2 && down > 3) faults.push(`"${one.textContent}" lies on "${other.textContent}"`);
        }
      });
      return faults;
    }),
    // Words below 4.5 : 1 and marks below 3 : 1; bands of intervals, which lines stand in, are faint
    faint: each((plot) => {
      const paper = ground(plot);
      const faults = words(plot).map((text) => [text.textContent, getComputedStyle(text).fill, 4.5]);
      for (const line of plot.querySelectorAll(".scatterlayer .js-line, .errorbars path")) {
        const style = getComputedStyle(line);
        if (Number.parseFloat(style.strokeWidth) > 0) faults.push(["a line", style.stroke, 3]);
      }
      for (const mark of plot.querySelectorAll(".points path.point, .bars .point path")) {
        const style = getComputedStyle(mark);
        // A hollow mark is told by its edge, a filled one by its ground.
        const edged = Number.parseFloat(style.strokeWidth) > 0 && contrast(style.stroke, paper) >= 3;
        if (!edged && Number.parseFloat(style.fillOpacity) > 0) faults.push(["a mark", style.fill, 3]);
      }
      return faults.filter(([, colour]) => colour.startsWith("rgb"))
        .filter(([, colour, least]) => contrast(colour, paper) < least)
        .map(([what, colour]) => `"${what}" has a contrast of ${contrast(colour, paper).toFixed(1)}`);
    }),
    // Series that differ by neither dashes, symbol nor kind, nor by a name that is written
    alike: each((plot) => {
      const written = words(plot).map((text) => text.textContent);
      const series = new Map();
      for (const trace of plot.data) {
        if (trace.fill === "toself") continue; // an interval, of the line that it surrounds
        const look = [trace.type, trace.mode, trace.line?.dash ?? "solid", trace.line?.width,
          trace.marker?.symbol ?? "circle", trace.mode?.includes("markers") && trace.marker?.size];
        series.set(`${trace.name}|${trace.mode}`, [trace, JSON.stringify(look)]);
      }
      const all = [...series.values()];
      return all.flatMap(([one, look], index) => all.slice(index + 1)
        .filter(([other, same]) => same === look && other.name !== one.name)
        .filter(([other]) => ![one, other].every(({ name }) => written.some((text) => text.includes(name))))
        .map(([other]) => `${one.name} and ${other.name} look alike`));
    }),
    // Numbers that stand in drawn tables and cannot be read there
    tables: drawnTables.flatMap((table) => [...table.querySelectorAll("td, th, text")]
      .filter((cell) => cell.textContent.trim() && visible(cell) && !cell.closest(".visually-hidden"))
      .flatMap((cell) => {
        const style = getComputedStyle(cell);
        const ink = cell.localName === "text" ? style.fill : style.color;
        const faults = [];
        if (Number.parseFloat(style.fontSize) < 11) faults.push("is small");
        if (contrast(ink, ground(cell.closest("td, th") ?? cell)) < 4.5) faults.push("is faint");
        if (cell.localName !== "text" && cell.scrollWidth > cell.clientWidth + 2) faults.push("is cut");
        return faults.map((fault) => `${named(table)}: "${cell.textContent.trim().slice(0, 40)}" ${fault}`);
      })),
    untold: [...document.querySelectorAll(".heat td[class*=shade]")]
      .filter((cell) => !/\d/.test(cell.textContent)).map((cell) => `a cell says nothing but a colour`),
    wide: document.documentElement.scrollWidth > innerWidth
      ? [`${document.documentElement.scrollWidth} pixels on a screen of ${innerWidth}`] : [],
    // A chart whose numbers cannot be had
    tableless: [...document.querySelectorAll("figure.figure")]
      .filter((figure) => ![...figure.querySelectorAll("details, a[download], .on-paper a")].some(visible))
      .map((figure) => figure.id),
    broad: each((plot) => {
      const [drawn, card] = [plot.querySelector(".main-svg"), plot.closest(".card")]
        .map((element) => element.getBoundingClientRect());
      return drawn.right > card.right + 1 ? [`${(drawn.right - card.right).toFixed(0)} pixels too wide`] : [];
    }),
    dark: [...document.querySelectorAll("body, .card, figure, td")].map(ground)
      .filter((colour) => light(colour) < 0.3).slice(0, 1).map((colour) => `${colour} is printed`),
    navigation: [...document.querySelectorAll("nav, header.top .top-row, footer, button, select")]
      .filter(visible).map((element) => `${element.localName}.${element.className} is printed`),
  };
}
