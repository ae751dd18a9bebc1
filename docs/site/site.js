"use strict";
// What the theme leaves out for those who hear the page or have no mouse.
for (const title of document.querySelectorAll(".caption[role=heading]")) {
  title.setAttribute("aria-level", "2");
}
document.querySelector(".sidebar-drawer")?.setAttribute("aria-label", "All pages");
document.querySelector(".toc-drawer")?.setAttribute("aria-label", "This page");
for (const box of document.querySelectorAll("pre, .table-wrapper")) {
  if (box.scrollWidth > box.clientWidth) box.tabIndex = 0; // the arrow keys scroll it
}
