// Before anything is drawn: the theme that was chosen here, else the system's.
"use strict";
(() => {
  document.documentElement.classList.add("scripted");
  const chosen = (() => { try { return localStorage.getItem("feddmf-theme"); } catch { return null; } })();
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
})();
