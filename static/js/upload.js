// Shows how much of a large file has arrived: <form data-upload> with a hidden [data-upload-progress]
// (components/_upload_progress.html). Without it the form is posted as usual.

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
    const moved = request.responseURL.split("#")[0] !== form.action.split("#")[0];
    if (request.status < 400 && moved) {
      location.assign(request.responseURL);
      return;
    }
    if (!request.getResponseHeader("Content-Type")?.startsWith("text/html")) {
      stop(box.dataset.refused);
      return;
    }
    // The same page with what is wrong: take its main part, as a plain POST would have shown it.
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const main = page.querySelector("main");
    if (!main) {
      stop(box.dataset.refused);
      return;
    }
    document.querySelector("main").replaceWith(document.adoptNode(main));
    document.title = page.title;
    watch(main);
    window.htmx?.process(main);
    (main.querySelector("[data-error-summary]") ?? main).focus();
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
