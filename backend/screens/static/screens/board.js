/** The schedule board: session codes, arrows, and the search for a film. */

const board = document.getElementById("board");
const code = document.getElementById("code");
const cells = Array.from(code.querySelectorAll(".cell"));
const search = document.getElementById("search");
const input = search.querySelector("input");
const empty = document.getElementById("empty");
const emptyWords = empty.textContent;
const CODE_LIFE = 1500; // ms after which a half-typed code is forgotten
let typed = "";
let forget = 0;

const tiles = () => Array.from(document.querySelectorAll(".tile")).filter((tile) => tile.offsetParent !== null);

const showCode = () => {
  cells.forEach((cell, index) => {
    cell.textContent = typed[index] || "";
    cell.classList.toggle("is-next", index === typed.length);
  });
};
const clearCode = () => {
  typed = "";
  code.classList.remove("is-refused");
  showCode();
};
const type = (digit) => {
  clearTimeout(forget);
  if (typed.length >= cells.length) clearCode();
  typed += digit;
  showCode();
  if (typed.length < cells.length) {
    forget = setTimeout(clearCode, CODE_LIFE * 2);
    return;
  }
  const tile = document.querySelector(`.tile[data-code="${typed}"]`);
  if (tile) {
    location.assign(tile.href);
    return;
  }
  code.classList.add("is-refused");
  forget = setTimeout(clearCode, CODE_LIFE);
};

/** Focus the tile that lies nearest in the direction `across`, `down`. */
const move = (across, down) => {
  const all = tiles();
  const from = all.find((tile) => tile === document.activeElement);
  if (!from) {
    if (all.length) all[0].focus();
    return;
  }
  const here = from.getBoundingClientRect();
  const distance = (tile) => {
    const there = tile.getBoundingClientRect();
    const x = there.left - here.left;
    const y = there.top - here.top;
    const ahead = across ? x * across : y * down;
    const aside = Math.abs(across ? y : x);
    if (ahead < 1 || (across && aside > 1)) return Infinity;
    return ahead * 10 + aside;
  };
  const next = all.reduce((best, tile) => (distance(tile) < distance(best) ? tile : best), all[0]);
  if (distance(next) === Infinity) {
    const index = all.indexOf(from) + (across || down);
    if (across && all[index]) all[index].focus();
    return;
  }
  next.focus();
};

const filter = () => {
  const wanted = input.value.trim().toLowerCase();
  const isTime = document.querySelector(".films.by-time") !== null;
  document.querySelectorAll(isTime ? ".tile" : ".film").forEach((each) => {
    each.hidden = wanted !== "" && !each.dataset.title.includes(wanted);
  });
  const found = tiles().length;
  empty.hidden = found > 0;
  empty.textContent = wanted === "" ? emptyWords : board.dataset.noMatch.replace("{q}", input.value.trim());
};
const openSearch = (open) => {
  search.hidden = !open;
  code.hidden = open;
  if (open) input.focus();
  else {
    input.value = "";
    filter();
  }
};
input.addEventListener("input", filter);

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
document.addEventListener("till:key", (event) => {
  const key = event.detail;
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(key);
  if (digit) type(digit[1]);
  else if (ARROWS[key]) move(...ARROWS[key]);
  else if (key === "Slash" || key === "NumpadDivide") openSearch(true);
  else if (key === "Backspace") clearCode();
  else if (key === "Escape" && !search.hidden) openSearch(false);
  else if ((key === "Enter" || key === "NumpadEnter") && document.activeElement === input) {
    const first = tiles()[0];
    if (first) location.assign(first.href);
  } else return;
  event.preventDefault();
});

// Back from a sale: the same tile has the focus.
const returned = location.hash && document.querySelector(`.tile${location.hash.replace(/[^#\w-]/g, "")}`);
if (returned) returned.focus();
