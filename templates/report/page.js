"use strict";
// Without this script the page says the same: it only opens, copies, and unfolds for print.
function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === "DETAILS") {
    target.open = true;
    target.querySelector("summary").focus();
  }
}
addEventListener("hashchange", reveal);
reveal();

for (const button of document.querySelectorAll("button.copy")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
  });
}

const bad = document.querySelectorAll("details.node.bad, details.node.lost, details.node.warning");
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = [...bad].filter((details) => !details.open);
  for (const details of unfolded) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of unfolded) details.open = false;
});
