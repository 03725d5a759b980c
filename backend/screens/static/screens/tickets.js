/** The printed tickets: P prints, Esc goes back. */

const back = document.getElementById("back");
document.getElementById("print").addEventListener("click", () => window.print());
addEventListener("keydown", (event) => {
  if (event.repeat) return;
  if (event.code === "KeyP") window.print();
  if (event.code === "Escape") back.click();
});
