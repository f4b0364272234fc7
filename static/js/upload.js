// Shows how much of a large file has arrived: <form data-upload> with a hidden [data-upload-progress]
// (components/_upload_progress.html). Without it the form is posted as usual.

// The answer was fetched already, with the messages that are told only once: it is shown as it
// came, be it the next page or the same form with what is wrong.
function show(page, address) {
  const main = document.adoptNode(page.querySelector("main"));
  document.querySelector("main").replaceWith(main);
  document.title = page.title;
  if (address !== location.href) history.pushState(null, "", address);
  shown = location.pathname;
  for (const { src, type, dataset } of page.querySelectorAll("head script[src]")) {
    if ([...document.scripts].some((script) => script.src === src)) continue;
    const script = Object.assign(document.createElement("script"), { src, type, async: false });
    Object.assign(script.dataset, dataset);
    document.head.append(script);
  }
  watch(main);
  window.htmx?.process(main);
  (main.querySelector("[data-error-summary]") ?? main).focus();
  scrollTo(0, 0);
}

// Going back to the form asks the server for it; a jump within the page does not.
let shown = location.pathname;
addEventListener("popstate", () => {
  if (location.pathname !== shown) location.reload();
});

function send(form, box) {
  const bar = box.querySelector("progress");
  const words = box.querySelector("[data-upload-words]");
  const percent = new Intl.NumberFormat(document.documentElement.lang || "en", { style: "percent" });
  const buttons = form.querySelectorAll("button[type=submit], button:not([type])");
  const request = new XMLHttpRequest();

  const stop = (message) => {
    box.dataset.failed = "";
    words.textContent = message;
    for (const button of buttons) button.disabled = false;
  };

  request.upload.addEventListener("progress", (event) => {
    if (!event.lengthComputable) return;
    bar.value = event.loaded / event.total;
    words.textContent =
      event.loaded < event.total ? percent.format(bar.value) : box.dataset.received;
  });
  request.addEventListener("load", () => {
    const html = request.getResponseHeader("Content-Type")?.startsWith("text/html");
    const page = html && new DOMParser().parseFromString(request.responseText, "text/html");
    if (page?.querySelector("main")) show(page, request.responseURL);
    else stop(box.dataset.refused);
  });
  request.addEventListener("error", () => stop(box.dataset.broken));

  const body = new FormData(form);
  request.open("POST", form.action);
  request.send(body);
  for (const button of buttons) button.disabled = true;
  box.hidden = false;
  box.scrollIntoView({ block: "nearest" });
}

function watch(root) {
  for (const form of root.querySelectorAll("form[data-upload]")) {
    form.addEventListener("submit", (event) => {
      const box = form.querySelector("[data-upload-progress]");
      const chosen = [...form.querySelectorAll("input[type=file]")].some((input) => input.files.length);
      if (!box || !chosen) return;
      event.preventDefault();
      send(form, box);
    });
  }
}

watch(document);
