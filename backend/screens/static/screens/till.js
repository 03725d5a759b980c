/** What every ticket screen shares: keys, scanner, clock, connection, idempotency and the last press. */

const root = document.documentElement;
const SCAN_GAP = 35; // ms between the keys of a scanner, on average
const SCAN_LENGTH = 6;
const KEY_WAIT = 50; // every key waits this long, so that a scan never acts as keys

// --- Input mode: focus rings are drawn only while the keyboard is in use -----------------------------------
const setInput = (kind) => { root.dataset.input = kind; };
addEventListener("keydown", (event) => { if (!event.repeat) setInput("key"); }, true);
addEventListener("pointerdown", (event) => setInput(event.pointerType === "touch" ? "touch" : "mouse"), true);
addEventListener("click", (event) => {
  // A control that was tapped must not take the next Enter.
  if (root.dataset.input !== "key" && event.target instanceof Element) {
    const control = event.target.closest("button, a");
    if (control) control.blur();
  }
});

// --- Keys: physical codes, no auto-repeat ------------------------------------------------------------------
const isText = (element) => element instanceof Element && element.matches("input[type=text], input:not([type]), textarea");
const name = (event) =>
  `${event.ctrlKey ? "Ctrl+" : ""}${event.altKey ? "Alt+" : ""}${event.shiftKey ? "Shift+" : ""}${event.code}`;
const MODIFIERS = /^(Shift|Control|Alt|Meta|CapsLock|NumLock)/;
const OURS = /^(Digit|Numpad|Key|Arrow|F([1-46-9]|10)$|Slash|Period|Equal|Minus|Space|Enter|Backspace|Delete|Home|End|Escape)/;
const IN_TEXT = /^(Enter|NumpadEnter|Escape|F\d+)$/;

/** Return whether the panel has just appeared: a bounced key must not act on it. */
const guarded = () => {
  const step = document.querySelector("[data-guard]");
  return step !== null && performance.now() - Number(step.dataset.since || 0) < Number(step.dataset.guard);
};

const visible = (element) => "hiddenKey" in element.dataset || element.offsetParent !== null;
const control = (key) => {
  const found = document.querySelectorAll(`[data-keys~="${key}"]`);
  return Array.from(found).find((element) => !element.disabled && visible(element));
};

const act = (key) => {
  const isEnter = key === "Enter" || key === "NumpadEnter";
  if (isEnter && guarded()) return;
  const focused = document.activeElement;
  if (isEnter && focused && focused.matches("button, a")) return focused.click();
  const handled = !document.dispatchEvent(new CustomEvent("till:key", { detail: key, cancelable: true }));
  if (handled) return;
  const target = control(key);
  if (target) target.click();
};

document.addEventListener("till:press", (event) => act(event.detail)); // a key that had to wait for an answer

let waiting = []; // [{key, text, at}]
let timer = 0;

const flush = () => {
  const keys = waiting;
  waiting = [];
  keys.forEach(({ key }) => act(key));
};

const isScan = (enter) => {
  const keys = waiting.filter(({ text }) => text);
  if (keys.length < SCAN_LENGTH) return false;
  return (enter - keys[0].at) / keys.length <= SCAN_GAP;
};

addEventListener("keydown", (event) => {
  if (event.isComposing || MODIFIERS.test(event.code)) return;
  const inText = isText(document.activeElement);
  if (inText && !IN_TEXT.test(event.code) && !event.altKey) return;
  if (!OURS.test(event.code) || event.metaKey) return;
  event.preventDefault();
  if (event.repeat && !event.code.startsWith("Arrow")) return;
  const isEnter = event.code === "Enter" || event.code === "NumpadEnter";
  clearTimeout(timer);
  if (isEnter && !inText && isScan(event.timeStamp)) {
    const text = waiting.map((each) => each.text).join("").toUpperCase();
    waiting = [];
    document.dispatchEvent(new CustomEvent("till:scan", { detail: text }));
    return; // a scanner's Enter presses nothing
  }
  waiting.push({ key: name(event), text: event.key.length === 1 ? event.key : "", at: event.timeStamp });
  timer = setTimeout(flush, KEY_WAIT);
});

// --- The menu ----------------------------------------------------------------------------------------------
const menu = document.getElementById("more-menu");
const opener = document.querySelector("[data-opens]");
const show = (open) => {
  menu.hidden = !open;
  opener.setAttribute("aria-expanded", String(open));
};
if (opener) {
  opener.addEventListener("click", () => show(menu.hidden));
  document.addEventListener("click", (event) => {
    if (!menu.hidden && !event.target.closest(".more")) show(false);
  });
  document.addEventListener("till:key", (event) => {
    if (event.detail !== "Escape" || menu.hidden) return;
    show(false);
    event.preventDefault();
    event.stopImmediatePropagation();
  });
}

// --- Clock: the server's time, counted on by a monotonic clock ----------------------------------------------
const clock = document.querySelector("[data-clock]");
if (clock) {
  const offset = Number(clock.textContent.slice(0, 2)) * 3600 + Number(clock.textContent.slice(3)) * 60;
  const seconds = Number(clock.dataset.clock.slice(17, 19));
  const start = performance.now();
  setInterval(() => {
    const day = Math.floor(offset + seconds + (performance.now() - start) / 1000) % 86400;
    const two = (value) => String(value).padStart(2, "0");
    clock.textContent = `${two(Math.floor(day / 3600))}:${two(Math.floor(day / 60) % 60)}`;
  }, 1000);
}

// --- The end of the log-in is announced half an hour before, whatever page is open ----------------------------
const ends = document.querySelector("[data-ends-in]");
if (ends) {
  const until = Number(ends.dataset.endsIn) - 30 * 60;
  const announce = () => { ends.hidden = false; };
  if (until <= 0) announce();
  else setTimeout(announce, until * 1000);
}

// --- Requests: one key a press, kept until the server answered it ---------------------------------------------
const keys = new Map();
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

document.addEventListener("htmx:configRequest", (event) => {
  const { verb, path, parameters, headers } = event.detail;
  if (verb === "get") return;
  const values = parameters instanceof FormData ? Array.from(parameters.entries()) : Object.entries(parameters);
  const press = JSON.stringify([path, values]);
  if (!keys.has(press)) keys.set(press, newKey());
  headers["Idempotency-Key"] = keys.get(press);
  event.detail.elt.dataset.press = press;
});
document.addEventListener("htmx:afterRequest", (event) => {
  const { xhr, elt } = event.detail;
  // No answer, or one that decided nothing: the next press is the same press.
  const decided = xhr.status >= 200 && xhr.status < 500 && !xhr.getResponseHeader("Retry-After");
  if (decided) keys.delete(elt.dataset.press);
  root.dataset.connection = xhr.status === 0 || xhr.status >= 502 ? "lost" : "good";
});
const reload = (status) => { if (status === 401) location.reload(); };
document.addEventListener("htmx:responseError", (event) => reload(event.detail.xhr.status));
document.addEventListener("till:status", (event) => {
  root.dataset.connection = event.detail >= 200 && event.detail < 500 ? "good" : "lost";
  reload(event.detail);
});
// --- Trouble: words above the panel, never over seats; what was typed stays ------------------------------------
const trouble = document.getElementById("trouble");
const complain = (id) => {
  const words = document.getElementById(id);
  if (!trouble || !words) return;
  trouble.textContent = "";
  trouble.appendChild(words.content.cloneNode(true));
};
document.addEventListener("htmx:sendError", () => complain("words-offline"));
document.addEventListener("htmx:timeout", () => complain("words-offline"));
document.addEventListener("htmx:responseError", (event) => {
  const { xhr } = event.detail;
  if (xhr.getResponseHeader("HX-Part") !== null) return; // it brought its own words
  if (xhr.status === 403) complain("words-stale");
  if (xhr.status >= 500) complain(xhr.status > 500 ? "words-offline" : "words-fault");
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  // A problem comes with the place for its words; anything else that failed is no part of a page.
  if (xhr.status >= 400) event.detail.shouldSwap = xhr.getResponseHeader("HX-Part") !== null;
  else if (trouble) trouble.textContent = "";
  // What is focused goes away with the swap: the next Enter belongs to the new primary button.
  if (document.activeElement instanceof HTMLElement && document.activeElement.closest("#panel")) document.activeElement.blur();
});
document.addEventListener("htmx:afterSwap", () => {
  const step = document.querySelector("[data-guard]");
  if (step && !step.dataset.since) step.dataset.since = String(performance.now());
});
document.addEventListener("htmx:afterSettle", (event) => {
  const words = event.detail.elt.querySelector("[role=alert] b");
  if (words) document.getElementById("alert").textContent = words.textContent;
});
