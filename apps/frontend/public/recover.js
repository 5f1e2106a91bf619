// A switch can fall between this page and its assets: the other colour does not have them. The page then loads itself once more, whole.
// The name of this file has no hash, so that every release has it.
addEventListener(
  "error",
  ({ target }) => {
    const asset = target instanceof HTMLScriptElement || target instanceof HTMLLinkElement;
    if (!asset) return;
    const last = Number(sessionStorage.getItem("recovered-at"));
    if (Date.now() - last < 10_000) return;
    sessionStorage.setItem("recovered-at", String(Date.now()));
    location.reload();
  },
  { capture: true },
);
