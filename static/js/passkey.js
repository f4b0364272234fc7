// Passkeys: the browser's part of adding one, confirming with one and signing in with one.
// webauthn-json, which django-allauth ships, turns the server's JSON into what browsers take.

const { webauthnJSON } = window;
const problem = document.querySelector("[data-passkey-problem]");

const given = () => JSON.parse(document.getElementById("passkey-options").textContent);

const ask = {
  "create": (form) => {
    const options = given().creation_options;
    const alone = Boolean(form.elements.passwordless?.checked);
    const wanted = options.publicKey.authenticatorSelection;
    wanted.residentKey = alone ? "required" : "discouraged";
    wanted.requireResidentKey = alone;
    if (alone) wanted.userVerification = "required";
    return webauthnJSON.create(options);
  },
  "get": () => webauthnJSON.get(given().request_options),
  "sign-in": async (form) => {
    const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.statusText);
    return webauthnJSON.get((await answer.json()).request_options);
  },
};

const start = (button) => {
  button.addEventListener("click", async () => {
    const { form } = button;
    if (!form.reportValidity()) return;
    problem.hidden = true;
    button.disabled = true;
    try {
      form.elements.credential.value = JSON.stringify(await ask[button.dataset.passkey](form));
      form.submit();
    } catch {
      problem.hidden = false;
      button.disabled = false;
    }
  });
};

const hide = (button) => {
  button.hidden = true;
  button.closest("[data-passkey-only]")?.setAttribute("hidden", "");
};

document.querySelectorAll("[data-passkey]").forEach(webauthnJSON?.supported() ? start : hide);
