// What pages do beside htmx: the theme's switch, and two small courtesies. Everything works without it.
"use strict";
(() => {
  const root = document.documentElement;
  const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

  const toggle = document.querySelector("[data-theme-switch]");
  const name = () => { toggle.textContent = dark() ? "Light" : "Dark"; toggle.setAttribute("aria-label", `Switch to ${dark() ? "light" : "dark"} colours`); };
  if (toggle) {
    toggle.hidden = false;
    name();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
    toggle.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      try { localStorage.setItem("feddmf-theme", root.dataset.theme); } catch { /* the choice lasts as long as the page */ }
      name();
      document.dispatchEvent(new Event("feddmf:theme"));
    });
  }

  // What only scripts can work stands hidden until they do.
  const live = (within) => within.querySelectorAll("[data-live]").forEach((each) => { each.hidden = false; });
  live(document);
  document.addEventListener("htmx:afterSwap", (event) => live(event.target));

  // A slider and the number beside it are one value.
  document.addEventListener("input", (event) => {
    const twin = event.target.dataset && event.target.dataset.twin && document.getElementById(event.target.dataset.twin);
    if (twin) twin.value = event.target.value;
  });

  // What is fetched again stays as open as it was, and keeps the focus.
  let open = [], focus = -1;
  const opening = (part) => [...part.querySelectorAll("details")];
  document.addEventListener("htmx:beforeSwap", (event) => {
    open = opening(event.detail.target).map((each) => each.open);
    focus = opening(event.detail.target).findIndex((each) => each.contains(document.activeElement));
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    opening(event.detail.target).forEach((each, index) => {
      if (open[index]) each.open = true;
      if (index === focus) each.querySelector("summary").focus({ preventScroll: true });
    });
  });

  // What needs a second thought asks for it.
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });
})();
