/** The seat map and the sale: draws the seats, places the group, keeps the hold's time, takes the amount. */

const SVG = "http://www.w3.org/2000/svg";
const POLL = 2000; // ms between two looks at the seat map
const SLOW = 400; // ms before a wait is put into words
const sell = document.getElementById("sell");
const panel = document.getElementById("panel");
const map = document.getElementById("map");
const mapWords = document.getElementById("map-words");
const words = JSON.parse(document.getElementById("words").textContent);

const seats = new Map(); // id -> seat
const cells = new Map(); // id -> its <g>
let etag = "";
let layout = null; // where each seat stands, in px
let svg = null;
let cursor = null; // the id of the seat that the keyboard is on
let size = 1;
let single = false;
let zoomed = false;
let skip = 0;
let busy = false;
let next = null; // the change that waits for the answer to the one before
let entry = null; // what is being typed after `/` or `+`: {kind, text}
let deadline = 0;
let amount = "";
let code = "";

const step = () => panel.querySelector(".sale");
const stage = () => step().dataset.step;
const list = (text) => (text ? text.split(",") : []);
const chosen = () => (step().dataset.seats ? list(step().dataset.seats) : []);
const order = () => step().dataset.order || "";
const fill = (text, values) => Object.keys(values).reduce((all, key) => all.split(`{${key}}`).join(values[key]), text);
const say = (text) => { document.getElementById("say").textContent = text; };

// --- Tones: never alone, always with words ------------------------------------------------------------------
let audio = null;
const tone = (hertz, milliseconds) => {
  if (!navigator.userActivation && !window.AudioContext) return;
  audio = audio || new AudioContext();
  const sound = audio.createOscillator();
  const volume = audio.createGain();
  volume.gain.value = 0.15;
  sound.frequency.value = hertz;
  sound.connect(volume).connect(audio.destination);
  sound.start();
  sound.stop(audio.currentTime + milliseconds / 1000);
};
const refuse = () => tone(180, 60);

// --- Where seats stand --------------------------------------------------------------------------------------
const make = (tag, attributes, parent) => {
  const element = document.createElementNS(SVG, tag);
  Object.keys(attributes).forEach((key) => element.setAttribute(key, attributes[key]));
  if (parent) parent.appendChild(element);
  return element;
};

/** Return the offset of each used grid line, with `gap` px where a line is unused. */
const lines = (used, pitch, gap) => {
  const places = new Map();
  let at = 0;
  used.forEach((line, index) => {
    if (index && line > used[index - 1] + 1) at += gap;
    places.set(line, at);
    at += pitch;
  });
  return { places, length: at };
};

/** Return the price zones that have an outline, each with its seats. */
const outlined = () => {
  const zones = new Map();
  seats.forEach((seat) => {
    if (!words.zones[seat.zone] || !words.zones[seat.zone].outlined) return;
    zones.set(seat.zone, (zones.get(seat.zone) || []).concat(seat));
  });
  return Array.from(zones);
};
const columnsOf = (members) => Array.from(new Set(members.map((seat) => seat.x))).sort((one, other) => one - other);

/** Return the column before each aisle that does not run through these seats. */
const aislesBeside = (members) => {
  const [first, last] = [columnsOf(members)[0], columnsOf(members).pop()];
  const all = columnsOf(Array.from(seats.values()));
  const beforeAisle = all.filter((column, index) => index + 1 < all.length && all[index + 1] > column + 1);
  return beforeAisle.filter((column) => column < first || column >= last);
};

const measure = () => {
  const unit = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  const all = Array.from(seats.values());
  const sorted = (pick) => Array.from(new Set(all.map(pick))).sort((a, b) => a - b);
  const columns = sorted((seat) => seat.x);
  const rows = sorted((seat) => seat.y);
  const gaps = (used) => used.filter((line, index) => index && line > used[index - 1] + 1).length;
  const aisle = 20 * unit;
  const wordsOutside = outlined().some(([, members]) => !aislesBeside(members).length);
  const margin = Math.max(128 * unit, ((wordsOutside ? 102 : 68) + 20 * gaps(columns)) * unit);
  const top = 40 * unit;
  const fit = Math.min((map.clientWidth - margin) / columns.length, (map.clientHeight - 56 * unit - gaps(rows) * aisle) / rows.length, 48 * unit);
  const pitch = zoomed ? 44 * unit : Math.max(24 * unit, Math.floor(fit));
  const across = lines(columns, pitch, aisle);
  const down = lines(rows, pitch, aisle);
  const side = 34 * unit;
  const width = Math.max(across.length + 2 * side, zoomed ? 0 : map.clientWidth);
  const left = (width - across.length) / 2;
  const height = Math.max(top + down.length + 8 * unit, 1);
  return { unit, pitch, columns, rows, across, down, left, top, width, height, aisle, side, fits: fit >= 30 * unit };
};
const x = (seat) => layout.left + layout.across.places.get(seat.x);
const y = (seat) => layout.top + layout.down.places.get(seat.y);

// --- Seats ----------------------------------------------------------------------------------------------------
const isMine = (seat) => chosen().includes(seat.seat) && ["held", "conflict", "pay", "confirm"].includes(stage());
const stateOf = (seat) => {
  if (isMine(seat)) return "mine";
  if (list(step().dataset.sold).includes(seat.seat)) return "sold"; // by this sale: the map is told of it in a moment
  if (seat.state === "mine") return busy ? "free" : "held"; // another order of this till
  return seat.state;
};
const isOpen = (seat) => ["free", "mine"].includes(stateOf(seat));
const isLeft = (seat) => { const pair = seats.get(seat.pair); return Boolean(pair) && pair.x === seat.x + 1; };
const isRight = (seat) => { const pair = seats.get(seat.pair); return Boolean(pair) && pair.x === seat.x - 1; };

const glyph = (seat, state) => {
  if (state === "house" || state === "blocked") return state;
  if (isLeft(seat)) return { free: "love", mine: "love-mine", sold: "love-sold", held: "love-held" }[state];
  if (state === "free" && seat.kind === "wheelchair") return "wheelchair";
  return state;
};

const label = (seat, state) => {
  const zone = words.zones[seat.zone] || words.zones[""] || { label: "", price: "" };
  const kind = words.kinds[seat.kind] || "";
  return fill(words.seat, { row: seat.row, number: seat.number, zone: zone.label, price: zone.price, kind, state: words.states[state] });
};

const numberPlace = { free: [18, 15.5], mine: [18, 13], house: [18, 17.5] };

const paint = (seat) => {
  const cell = cells.get(seat.seat);
  const state = stateOf(seat);
  const orphan = list(step().dataset.orphans).includes(seat.seat);
  const look = `${state}${orphan ? " orphan" : ""}${isLeft(seat) ? " left" : ""}`;
  if (cell.dataset.look === look) return;
  cell.dataset.look = look;
  while (cell.firstChild) cell.removeChild(cell.firstChild);
  make("rect", { class: "hit", width: 36, height: 36 }, cell);
  const shape = glyph(seat, state);
  const whole = isLeft(seat);
  if (!isRight(seat) || shape === "house" || shape === "blocked") {
    const wide = whole && shape.startsWith("love");
    make("use", { href: `#seat-${shape}`, width: wide ? 72 : 36, height: 36 }, cell);
  }
  const showsNumber = numberPlace[state] && (seat.kind !== "wheelchair" || state === "mine") && layout.pitch >= 30 * layout.unit;
  if (showsNumber) {
    const [across, down] = numberPlace[state];
    const shift = whole ? 0 : isRight(seat) ? 1 : 0;
    const place = seat.pair ? across + (shift ? 2 : -2.5) : across;
    make("text", { x: place, y: seat.pair && state === "mine" ? 15.5 : down }, cell).textContent = seat.number;
  }
  if (orphan) make("use", { href: "#seat-orphan", width: 20, height: 20, x: -6, y: -6 }, cell);
  cell.setAttribute("class", `seat is-${state}`);
  cell.setAttribute("aria-label", label(seat, state));
  cell.setAttribute("aria-selected", String(state === "mine"));
  if (isOpen(seat)) cell.removeAttribute("aria-disabled");
  else cell.setAttribute("aria-disabled", "true");
};

/** Return where each used grid line, and each aisle between two, begins and ends. */
const cuts = (used, places, start, pitch) => {
  const slots = [];
  used.forEach((line, index) => {
    const from = start + places.get(line);
    const last = slots[slots.length - 1];
    if (last && from > last.to + 0.5) slots.push({ line: null, from: last.to, to: from });
    slots.push({ line, from, to: from + pitch });
  });
  return slots;
};

/** Return the outline of `members` as closed loops of points. It follows the seats' own pitches, so it crosses no
 * seat of another zone; an aisle with the zone on both sides belongs to it. */
const outline = (members) => {
  const { columns, rows, across, down, left, top, pitch } = layout;
  const wide = cuts(columns, across.places, left, pitch);
  const high = cuts(rows, down.places, top, pitch);
  const own = new Set(members.map((seat) => `${seat.x},${seat.y}`));
  const inside = high.map((row) => wide.map((column) => own.has(`${column.line},${row.line}`)));
  const at = (row, column) => Boolean(inside[row] && inside[row][column]);
  high.forEach((row, r) => wide.forEach((column, c) => {
    if (row.line !== null && column.line === null) inside[r][c] = at(r, c - 1) && at(r, c + 1);
  }));
  high.forEach((row, r) => wide.forEach((column, c) => {
    if (row.line === null) inside[r][c] = at(r - 1, c) && at(r + 1, c);
  }));
  const edges = new Map(); // from corner -> the corners that follow it, the zone always to the right
  const edge = (from, to) => edges.set(from.join(), (edges.get(from.join()) || []).concat([to]));
  inside.forEach((line, r) => line.forEach((is, c) => {
    if (!is) return;
    if (!at(r - 1, c)) edge([c, r], [c + 1, r]);
    if (!at(r, c + 1)) edge([c + 1, r], [c + 1, r + 1]);
    if (!at(r + 1, c)) edge([c + 1, r + 1], [c, r + 1]);
    if (!at(r, c - 1)) edge([c, r + 1], [c, r]);
  }));
  const place = ([c, r]) => [c < wide.length ? wide[c].from : wide[c - 1].to, r < high.length ? high[r].from : high[r - 1].to];
  const loops = [];
  while (edges.size) {
    const first = edges.keys().next().value;
    const loop = [];
    let key = first;
    do {
      const next = edges.get(key);
      loop.push(next.shift());
      if (!next.length) edges.delete(key);
      key = loop[loop.length - 1].join();
    } while (key !== first);
    const isCorner = (point, index) => {
      const before = loop[(index + loop.length - 1) % loop.length];
      const after = loop[(index + 1) % loop.length];
      return (before[0] === point[0]) !== (point[0] === after[0]);
    };
    loops.push(loop.filter(isCorner).map(place));
  }
  return loops;
};

/** Return the path of a closed loop with its corners rounded. */
const rounded = (loop, radius) => {
  const towards = ([fromX, fromY], [toX, toY]) => {
    const length = Math.hypot(toX - fromX, toY - fromY);
    const part = Math.min(radius / length, 0.5);
    return `${fromX + (toX - fromX) * part} ${fromY + (toY - fromY) * part}`;
  };
  const corners = loop.map((point, index) => {
    const before = loop[(index + loop.length - 1) % loop.length];
    const after = loop[(index + 1) % loop.length];
    return `${towards(point, before)}Q${point.join(" ")} ${towards(point, after)}`;
  });
  return `M${corners.join("L")}Z`;
};

const drawZones = () => {
  outlined().forEach(([zone, members]) => {
    const { unit, pitch, side, aisle } = layout;
    const places = members.map(x);
    const [left, right] = [Math.min(...places), Math.max(...places) + pitch];
    const [top, bottom] = [Math.min(...members.map(y)), Math.max(...members.map(y)) + pitch];
    const group = make("g", { class: "zone", "data-zone": zone }, svg);
    make("path", { class: "zone-line", d: outline(members).map((loop) => rounded(loop, 8 * unit)).join("") }, group);
    // The words stand in the nearest aisle, or beyond the row numbers where all aisles run through the zone.
    const aisles = aislesBeside(members).map((column) => layout.left + layout.across.places.get(column) + pitch + aisle / 2);
    const away = (at) => Math.max(left - at, at - right);
    const edge = layout.left + layout.across.length + side + 8 * unit;
    const place = aisles.reduce((best, at) => (away(at) < away(best) ? at : best), edge);
    const word = make("text", { class: "zone-word", x: place }, group);
    word.textContent = words.zones[zone].words;
    const half = word.getComputedTextLength() / 2 + 2 * unit;
    word.setAttribute("y", Math.min((top + bottom) / 2, layout.height - half));
  });
};

const draw = () => {
  layout = measure();
  cells.clear();
  if (svg) map.removeChild(svg);
  svg = make("svg", { role: "grid", "aria-label": words.map, width: layout.width, height: layout.height }, map);
  const { unit, pitch } = layout;
  const middle = layout.width / 2;
  const half = Math.min(layout.across.length * 0.35, 268 * unit);
  const word = 28 * unit;
  make("path", { class: "screen-arc", d: `M${middle - half} ${24 * unit}Q${middle - half / 2} ${13 * unit} ${middle - word} ${12 * unit}M${middle + word} ${12 * unit}Q${middle + half / 2} ${13 * unit} ${middle + half} ${24 * unit}` }, svg);
  make("text", { class: "screen-word", x: middle, y: 18 * unit }, svg).textContent = words.screen;
  layout.rows.forEach((row) => {
    const line = Array.from(seats.values()).filter((seat) => seat.y === row).sort((a, b) => a.x - b.x);
    const group = make("g", { role: "row", "aria-label": fill(words.row, { row: line[0].row }) }, svg);
    const height = layout.top + layout.down.places.get(row) + pitch / 2;
    [layout.left - layout.side / 2, layout.left + layout.across.length + layout.side / 2].forEach((place) => {
      make("rect", { class: "row-badge", x: place - 16 * unit, y: height - 10 * unit, width: 32 * unit, height: 20 * unit, rx: 4 * unit, visibility: "hidden", "data-row": row }, group);
      make("text", { class: "row-number", x: place, y: height, "data-row": row }, group).textContent = line[0].row;
    });
    // The right half of a couple's seat comes first: the left one is drawn over both.
    line.slice().sort((a, b) => Number(isLeft(a)) - Number(isLeft(b))).forEach((seat) => {
      const cell = make("g", { role: "gridcell", tabindex: -1, "data-seat": seat.seat, transform: `translate(${x(seat)} ${y(seat)}) scale(${pitch / 36})` }, group);
      cells.set(seat.seat, cell);
      paint(seat);
    });
    line.filter(isRight).forEach((seat) => group.appendChild(cells.get(seat.seat)));
  });
  drawZones();
  make("g", { class: "cursor", id: "cursor" }, svg);
  document.getElementById("zoom").hidden = layout.fits && !zoomed;
  drawCursor();
};

const repaint = () => {
  if (!svg) return;
  seats.forEach(paint);
  drawCursor();
};

// --- The group and the cursor -----------------------------------------------------------------------------------
const rowOf = (seat) => Array.from(seats.values()).filter((each) => each.y === seat.y).sort((a, b) => a.x - b.x);

/** Return the seats of a group of `count` that covers `seat`: from it to the right, else shifted left. */
const groupAt = (seat, count) => {
  const row = new Map(rowOf(seat).map((each) => [each.x, each]));
  const from = (start) => {
    const found = [];
    for (let at = start; at < start + count; at += 1) {
      if (!row.has(at) || !isOpen(row.get(at))) return null;
      found.push(row.get(at));
    }
    return found;
  };
  for (let start = seat.x; start > seat.x - count; start -= 1) {
    const found = from(start);
    if (found) {
      const ids = found.map((each) => each.seat);
      // A couple's seat is sold whole.
      found.forEach((each) => { if (each.pair && seats.has(each.pair) && !ids.includes(each.pair)) ids.push(each.pair); });
      return ids;
    }
  }
  return null;
};

const drawCursor = () => {
  const group = document.getElementById("cursor");
  if (!group) return;
  while (group.firstChild) group.removeChild(group.firstChild);
  const seat = cursor && seats.get(cursor);
  svg.querySelectorAll("[data-row]").forEach((mark) => {
    const isCurrent = Boolean(seat) && Number(mark.dataset.row) === seat.y;
    if (mark.tagName === "rect") mark.setAttribute("visibility", isCurrent ? "visible" : "hidden");
    else mark.classList.toggle("is-current", isCurrent);
  });
  cells.forEach((cell, id) => cell.setAttribute("tabindex", id === (cursor || cells.keys().next().value) ? 0 : -1));
  if (!seat || !["empty", "held", "conflict"].includes(stage())) return;
  const mine = chosen();
  const ids = mine.includes(cursor) ? mine.filter((id) => seats.get(id).y === seat.y) : groupAt(seat, single ? 1 : size) || [cursor];
  const places = ids.map((id) => x(seats.get(id)));
  const { unit, pitch } = layout;
  const left = Math.min(...places);
  const width = Math.max(...places) - left + pitch;
  const rectangle = (cls, inset) => make("rect", { class: cls, x: left + inset, y: y(seat) + inset, width: width - 2 * inset, height: pitch - 2 * inset, rx: 7 * unit }, group);
  rectangle("cursor-glow", -2);
  rectangle("cursor-ink", 0.5);
};

const setCursor = (id, focus) => {
  cursor = id;
  drawCursor();
  const cell = cells.get(id);
  if (!cell) return;
  if (focus) cell.focus();
  if (zoomed) cell.scrollIntoView({ block: "nearest", inline: "nearest" });
};

const move = (across, down, everySeat) => {
  if (!layout) return;
  const here = seats.get(cursor) || seats.get(chosen()[0]);
  if (!here) {
    const middle = layout.rows[Math.floor(layout.rows.length * 0.66)];
    const row = Array.from(seats.values()).filter((seat) => seat.y === middle).sort((a, b) => a.x - b.x);
    setCursor(row[Math.floor(row.length / 2)].seat, true);
    return;
  }
  const ahead = (seat) => (across ? (seat.y === here.y ? (seat.x - here.x) * across : 0) : (seat.y - here.y) * down);
  const distance = (seat) => ahead(seat) * 100 + (across ? 0 : Math.abs(seat.x - here.x));
  const fits = (seat) => {
    const group = everySeat ? [seat.seat] : groupAt(seat, single ? 1 : size);
    return group !== null && (everySeat || group[0] === seat.seat);
  };
  const options = Array.from(seats.values()).filter((seat) => ahead(seat) > 0 && fits(seat));
  if (!options.length) return;
  setCursor(options.reduce((best, seat) => (distance(seat) < distance(best) ? seat : best)).seat, true);
};

const rowEnd = (last) => {
  const here = seats.get(cursor);
  if (!here) return;
  const row = rowOf(here);
  setCursor(row[last ? row.length - 1 : 0].seat, true);
};

// --- Changing the order --------------------------------------------------------------------------------------------
const types = () => list(step().dataset.types).map((each) => each.split(":")).map(([type, count]) => [type, Number(count)]);

/** Return the ticket types for `count` seats: what was chosen stays where it fits, the first type takes the rest. */
const typesFor = (count) => {
  const chosenTypes = types().filter(([type, wanted]) => type !== words.base && wanted > 0);
  const taken = chosenTypes.reduce((all, [, wanted]) => all + wanted, 0);
  // The group stays as it was while it has the room; a smaller party begins anew.
  const same = count === chosen().length || taken < count;
  const others = same ? chosenTypes : [];
  const left = count - (same ? taken : 0);
  return [[words.base, left]].concat(others).filter(([, wanted]) => wanted > 0).map((each) => each.join(":")).join(",");
};

const send = (verb, url, values) => {
  if (busy) {
    next = () => send(verb, url, Object.assign(values, "order" in values ? { order: order() } : {}));
    return;
  }
  busy = true;
  const slow = setTimeout(() => say(words.holding), SLOW);
  window.htmx.ajax(verb, url, { source: panel, target: panel, swap: "innerHTML", values }).catch(() => undefined).then(() => {
    clearTimeout(slow);
    busy = false;
    takeBack();
    const waiting = next;
    next = null;
    if (waiting) waiting();
    else look();
  });
};

/** Show the seats that are really held again where no answer confirmed the change. */
const takeBack = () => {
  const { confirmed, confirmedStep } = step().dataset;
  if (confirmed === undefined) return;
  step().dataset.seats = confirmed;
  step().dataset.step = confirmedStep;
  delete step().dataset.confirmed;
  repaint();
};

const hold = (values) => {
  if (sell.dataset.open !== "true" || ["done"].includes(stage())) return refuse();
  send("POST", sell.dataset.holdUrl, Object.assign({ order: order() }, values));
};
const party = (count) => {
  size = count;
  single = false;
  skip = 0;
  showParty();
  hold({ size: count, skip: 0, types: typesFor(count) });
};
const choose = (ids, wanted) => {
  const sorted = ids.slice().sort((a, b) => seats.get(a).y - seats.get(b).y || seats.get(a).x - seats.get(b).x);
  if (!sorted.length) return clear();
  step().dataset.confirmed = step().dataset.seats || "";
  step().dataset.confirmedStep = stage();
  step().dataset.seats = sorted.join(","); // at once; the server's answer replaces it
  if (stage() === "empty") step().dataset.step = "held";
  repaint();
  hold({ seats: sorted.join(","), types: wanted || typesFor(sorted.length) });
};
const nextBest = () => {
  skip = chosen().length || stage() === "gone" ? skip + 1 : 0;
  if (stage() === "gone") size = chosen().length;
  if (!single && chosen().length) size = chosen().length;
  hold({ size, skip, types: typesFor(size) });
};
const clear = () => {
  const url = step().dataset.cancelUrl;
  if (url && order()) send("POST", url, {});
  else send("GET", sell.dataset.panelUrl, {});
};
const press = (id) => {
  const seat = seats.get(id);
  if (!seat || busy || !["empty", "held", "conflict"].includes(stage())) return;
  cursor = id;
  const mine = chosen();
  if (isMine(seat)) {
    const pair = seat.pair || "";
    const rest = mine.filter((each) => each !== id && each !== pair);
    if (!single) size = Math.max(1, rest.length);
    showParty();
    choose(rest);
    return;
  }
  const group = groupAt(seat, single ? 1 : size);
  if (!group) {
    refuse();
    drawCursor();
    return;
  }
  choose(single ? mine.concat(group.filter((each) => !mine.includes(each))) : group);
};
const turn = (type, by) => {
  const counts = new Map(types());
  const total = chosen().length;
  if (!total) return;
  const base = words.base;
  const donor = type === base || by < 0 ? null : base;
  if (by > 0) {
    // From the base type; for the base type itself, or once that is used up, from the largest other one.
    const from = donor && counts.get(donor) ? donor : Array.from(counts.keys()).filter((each) => each !== type && counts.get(each)).sort((a, b) => counts.get(b) - counts.get(a))[0];
    if (!from) return refuse();
    counts.set(from, counts.get(from) - 1);
    counts.set(type, (counts.get(type) || 0) + 1);
  } else {
    if (type === base || !counts.get(type)) return refuse();
    counts.set(type, counts.get(type) - 1);
    counts.set(base, (counts.get(base) || 0) + 1);
  }
  const wanted = Array.from(counts.entries()).filter(([, count]) => count > 0).map((each) => each.join(":")).join(",");
  if (stage() === "expired" || stage() === "gone") return;
  hold({ seats: chosen().join(","), types: wanted });
};

const showParty = () => {
  document.querySelectorAll("[data-size]").forEach((chip) => {
    const isOn = !single && chosen().length > 0 && Number(chip.dataset.size) === size;
    chip.classList.toggle("is-on", isOn);
    chip.setAttribute("aria-pressed", String(isOn));
  });
  const chip = document.querySelector("[data-does=single]");
  chip.classList.toggle("is-on", single);
  chip.setAttribute("aria-pressed", String(single));
};

const does = {
  next: nextBest,
  clear,
  forget: clear,
  accept: () => send("GET", step().dataset.panelUrl, {}),
  keep: () => send("GET", step().dataset.panelUrl, { keep: "1" }),
  fix: () => choose(list(step().dataset.orphanFix)),
  again: () => hold({ seats: chosen().join(","), types: step().dataset.types }),
  single: () => { single = !single; showParty(); drawCursor(); },
  zoom: () => { zoomed = !zoomed; draw(); if (cursor) setCursor(cursor, true); },
  print: () => window.print(),
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-does], [data-size], [data-more], [data-less], [data-digit], [data-tender], .seat");
  if (!button || button.disabled) return;
  if (button.dataset.does) does[button.dataset.does]();
  else if (button.dataset.size) party(Number(button.dataset.size));
  else if (button.dataset.more) turn(button.dataset.more, 1);
  else if (button.dataset.less) turn(button.dataset.less, -1);
  else if (button.dataset.digit) type(button.dataset.digit);
  else if (button.dataset.tender) setAmount(button.dataset.tender.replace(/\.00$/, ""));
  else if (button.dataset.seat) press(button.dataset.seat);
});

// --- Cash -------------------------------------------------------------------------------------------------------
const fen = (text) => {
  const [yuan, rest] = text.split(".");
  return Number(yuan || 0) * 100 + Number(((rest || "") + "00").slice(0, 2));
};
const yuan = (value) => (value % 100 ? (value / 100).toFixed(2) : String(value / 100));
const setAmount = (text) => {
  const form = document.getElementById("pay");
  if (!form) return;
  amount = text;
  const due = fen(form.dataset.total);
  const given = amount === "" ? due : fen(amount);
  const button = form.querySelector(".primary");
  document.getElementById("received").textContent = amount;
  form.elements.tendered.value = amount === "" ? form.dataset.total : (fen(amount) / 100).toFixed(2);
  const change = document.getElementById("change");
  const isShort = given < due;
  const short = fill(button.dataset.short, { n: yuan(due - given) });
  change.textContent = isShort ? short : `¥${yuan(given - due)}`;
  change.className = isShort ? "short" : "change";
  button.disabled = isShort;
  button.firstElementChild.textContent = isShort ? short : button.dataset.words;
  form.querySelectorAll("[data-tender]").forEach((note) => {
    note.classList.toggle("is-hot", fen(note.dataset.tender) === given);
  });
};
const type = (digit) => {
  if (digit === "back") setAmount(amount.slice(0, -1));
  else if (digit === ".") setAmount(amount.includes(".") ? amount : `${amount || "0"}.`);
  else if (/^\d{0,6}(\.\d{0,2})?$/.test(amount + digit)) setAmount((amount + digit).replace(/^0+(?=\d)/, ""));
};

// --- Keys -------------------------------------------------------------------------------------------------------
const showEntry = () => {
  const text = entry ? fill(entry.kind === "size" ? words.entrySize : words.entrySeat, { text: entry.text || "…" }) : "";
  const old = document.getElementById("entry");
  if (old) old.remove();
  if (!entry) return;
  const chip = document.createElement("p");
  chip.id = "entry";
  chip.className = "entry";
  chip.textContent = text;
  map.parentElement.appendChild(chip);
};
const finishEntry = () => {
  const { kind, text } = entry;
  entry = null;
  showEntry();
  if (kind === "size") {
    if (Number(text) > 0) party(Number(text));
    return;
  }
  const id = text.replace(".", "-").toUpperCase();
  if (seats.has(id)) setCursor(id, true);
  else {
    refuse();
    say(fill(words.noSeat, { seat: text }));
  }
};
const typeEntry = (key) => {
  const digit = /^(?:Digit|Numpad|Key)([0-9A-Z])$/.exec(key);
  if (digit) entry.text += digit[1];
  else if (key === "Period" || key === "NumpadDecimal") entry.text += ".";
  else if (key === "Backspace") entry.text = entry.text.slice(0, -1);
  else if (key === "Escape") entry = null;
  else if (key === "Enter" || key === "NumpadEnter") return finishEntry();
  showEntry();
};

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const onMap = {
  KeyN: nextBest,
  NumpadMultiply: nextBest,
  "Shift+Digit8": nextBest,
  KeyS: does.single,
  KeyZ: does.zoom,
  KeyM: () => { if (step().dataset.orphanFix) does.fix(); },
  Space: () => { if (cursor) press(cursor); },
  Home: () => rowEnd(false),
  End: () => rowEnd(true),
  Slash: () => { entry = { kind: "seat", text: "" }; showEntry(); },
  NumpadDivide: () => onMap.Slash(),
  NumpadAdd: () => { entry = { kind: "size", text: "" }; showEntry(); },
  "Shift+Equal": () => onMap.NumpadAdd(),
  Backspace: () => { if (order()) clear(); },
};

// What is typed while the panel waits for an answer belongs to the panel that comes.
let inFlight = 0;
let ahead = [];
document.addEventListener("htmx:beforeRequest", () => { inFlight += 1; });
document.addEventListener("htmx:afterRequest", () => {
  inFlight = Math.max(0, inFlight - 1);
  if (inFlight) return;
  const typed = ahead;
  ahead = [];
  // After the swap, which follows this event.
  setTimeout(() => typed.forEach((key) => document.dispatchEvent(new CustomEvent("till:press", { detail: key }))), 0);
});

document.addEventListener("till:key", (event) => {
  if (inFlight && event.detail !== "F10") {
    ahead.push(event.detail);
    event.preventDefault();
    return;
  }
  const key = event.detail;
  const digit = /^(?:Digit|Numpad)(\d)$/.exec(key);
  const plain = key.replace("Ctrl+", "");
  const where = stage();
  const isMapStep = ["empty", "held", "conflict", "gone"].includes(where);
  if (entry) typeEntry(key);
  else if (where === "pay" && digit) type(digit[1]);
  else if (where === "pay" && (key === "Period" || key === "NumpadDecimal")) type(".");
  else if (where === "pay" && key === "Backspace") type("back");
  else if (where === "done" && digit) nextCode(digit[1]);
  else if (isMapStep && digit && digit[1] !== "0") party(Number(digit[1]));
  else if (isMapStep && ARROWS[plain]) move(...ARROWS[plain], key !== plain);
  else if (isMapStep && onMap[key]) onMap[key]();
  else if (isMapStep && key === "Escape" && order()) clear();
  else if (!mapWords.hidden && mapWords.dataset.failed && (key === "Enter" || key === "NumpadEnter")) look();
  else return;
  event.preventDefault();
});
const nextCode = (digit) => {
  code += digit;
  say(code);
  if (code.length === sell.dataset.code.length) location.assign(`${sell.dataset.boardUrl}?code=${code}`);
};

// --- The hold's time -----------------------------------------------------------------------------------------------
const two = (value) => String(value).padStart(2, "0");
const tick = () => {
  const timer = document.getElementById("hold");
  if (!timer) return;
  const left = Math.max(0, Math.ceil((deadline - performance.now()) / 1000));
  timer.querySelector("output").textContent = `${two(Math.floor(left / 60))}:${two(left % 60)}`;
  timer.querySelector("progress").value = left;
  timer.classList.toggle("is-ending", left <= 60);
  if ((left === 60 || left === 15) && timer.dataset.rang !== String(left)) {
    timer.dataset.rang = String(left);
    tone(523, 90);
  }
  if (left === 0 && !timer.dataset.over && !busy) {
    timer.dataset.over = "true";
    send("GET", step().dataset.panelUrl, {});
  }
};
setInterval(tick, 1000);

// --- Looking at the map ------------------------------------------------------------------------------------------------
const tell = (text, failed) => {
  mapWords.textContent = text;
  mapWords.hidden = text === "";
  mapWords.dataset.failed = failed ? "true" : "";
};
const take = (answer) => {
  const isNew = answer.seats.length !== seats.size || answer.seats.some((seat) => !seats.has(seat.seat));
  answer.seats.forEach((seat) => seats.set(seat.seat, seat));
  tell("");
  if (isNew) draw();
  else repaint();
  const free = answer.seats.filter((seat) => seat.state === "free").length;
  document.getElementById("free").textContent = fill(words.left, { n: free });
};
let looking = false;
const look = () => {
  if (looking) return;
  looking = true;
  const slow = seats.size ? 0 : setTimeout(() => tell(words.loading), SLOW);
  fetch(sell.dataset.mapUrl, { cache: "no-store", headers: etag ? { "If-None-Match": etag } : {} })
    .then((answer) => {
      document.dispatchEvent(new CustomEvent("till:status", { detail: answer.status }));
      if (answer.status === 304) return null;
      if (!answer.ok) throw new Error(String(answer.status));
      etag = answer.headers.get("ETag") || "";
      return answer.json().then(take);
    })
    .catch((error) => {
      const status = /^\d{3}$/.test(error.message) ? error.message : "0";
      if (status === "0") document.dispatchEvent(new CustomEvent("till:status", { detail: 0 }));
      if (!seats.size) tell(fill(words.failed, { code: status }), true);
    })
    .then(() => { clearTimeout(slow); looking = false; });
};
setInterval(() => { if (!document.hidden && !busy) look(); }, POLL);
addEventListener("resize", () => { if (seats.size) draw(); });

// --- What the server answered --------------------------------------------------------------------------------------
const settle = () => {
  document.querySelectorAll("[data-for]").forEach((hint) => { hint.hidden = !hint.dataset.for.split(" ").includes(stage()); });
  const timer = panel.querySelector(".hold progress");
  if (timer && document.getElementById("hold")) deadline = performance.now() + Number(timer.getAttribute("value")) * 1000;
  const mine = chosen();
  if (["held", "conflict"].includes(stage()) && mine.length) {
    if (!single) size = mine.length;
    if (!mine.includes(cursor)) cursor = mine[0];
  }
  if (stage() === "done") {
    look();
    tone(1047, 70);
    cursor = null;
    size = 1;
    skip = 0;
    code = "";
    if (step().dataset.printed !== "true") {
      step().dataset.printed = "true";
      setTimeout(() => window.print(), 50);
    }
  }
  if (step().dataset.refused === "true") refuse();
  amount = "";
  setAmount("");
  tick();
  showParty();
  repaint();
};
panel.addEventListener("htmx:afterSwap", settle);
settle();
look();
