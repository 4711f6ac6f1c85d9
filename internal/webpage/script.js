// What a reader may do beyond reading: point at lines for their values, by mouse
// or arrow keys, and choose lines in the tables that explain them. All of it is on
// top of a page that says everything without. Called again for each page that a
// window shows.
const enliven = () => {
  "use strict";
  const all = JSON.parse(document.getElementById("data").textContent) || {};
  const tip = document.getElementById("tip");
  const digits = (v) => { const a = Math.abs(v); return v.toFixed(a >= 99.95 ? 0 : a >= 9.995 ? 1 : 2); };
  const print = (v, unit) => {
    if (v === null) return "–";
    if (unit === "percent") return (v > 0 ? "+" : "") + (Math.abs(v) >= 9.95 ? v.toFixed(0) : v.toFixed(1)) + " %";
    if (unit !== "ns") return v >= 1000 ? Math.round(v).toLocaleString("en").replaceAll(",", " ") : String(Math.round(v * 10) / 10);
    for (const [name, ns] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]]) if (v >= 0.9995 * ns) return digits(v / ns) + " " + name;
    return v.toFixed(0) + " ns";
  };
  const make = (parent, name, attributes) => {
    const e = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const k in attributes) e.setAttribute(k, attributes[k]);
    return parent.appendChild(e);
  };
  const hidden = (figure, name) => figure.dataset.off ? figure.dataset.off.split("|").includes(name) : false;

  const point = (figure) => {
    const data = all[figure.id];
    if (!data) return;
    let at = -1, marks = null;
    const drawing = () => [...figure.querySelectorAll("svg")].find((s) => s.getClientRects().length > 0);
    const places = (svg) => data.other && svg === figure.querySelector(".on-second svg") ? data.other : data.places;
    const clear = () => { if (marks) marks.remove(); marks = null; at = -1; tip.hidden = true; };
    const show = (i) => {
      const svg = drawing();
      if (!svg) return;
      const p = places(svg), x = p.x[i];
      if (marks) marks.remove();
      marks = make(svg, "g", {});
      at = i;
      make(marks, "line", { class: "cursor", x1: x, x2: x, y1: p.y[0], y2: p.y[1] });
      tip.replaceChildren();
      const head = tip.appendChild(document.createElement("strong"));
      head.textContent = data.labels[i];
      const f = (v) => p.log ? Math.log(v) : v;
      data.names.forEach((name, k) => {
        const v = data.values[k][i];
        if (hidden(figure, data.class[k])) return;
        const row = tip.appendChild(document.createElement("div"));
        const who = row.appendChild(document.createElement("span")), what = row.appendChild(document.createElement("span"));
        who.className = "who";
        who.appendChild(document.createElement("span")).className = "key line " + data.class[k];
        who.append(name);
        what.textContent = print(v, data.unit);
        if (v === null) return;
        const share = (f(Math.min(Math.max(v, p.low), p.top)) - f(p.low)) / (f(p.top) - f(p.low));
        make(marks, "circle", { class: "spot " + data.class[k], cx: x, cy: p.y[0] + share * (p.y[1] - p.y[0]), r: 3.5 });
      });
      tip.hidden = false;
      const box = svg.getBoundingClientRect(), scale = box.width / svg.viewBox.baseVal.width;
      const left = box.left + x * scale, room = document.documentElement.clientWidth;
      const beside = left + 14 + tip.offsetWidth < room ? left + 14 : left - 14 - tip.offsetWidth;
      tip.style.left = Math.max(4, beside) + window.scrollX + "px";
      tip.style.top = box.top + window.scrollY + 8 + "px";
    };
    const nearest = (event) => {
      const svg = drawing();
      if (!svg || !svg.contains(event.target)) return clear();
      const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
      const xs = places(svg).x;
      let best = 0;
      xs.forEach((v, i) => { if (Math.abs(v - x) < Math.abs(xs[best] - x)) best = i; });
      show(best);
    };
    figure.tabIndex = 0;
    figure.setAttribute("role", "group");
    figure.setAttribute("aria-label", figure.querySelector("figcaption").textContent + ". The arrow keys read its values.");
    figure.addEventListener("pointermove", nearest);
    figure.addEventListener("pointerleave", clear);
    figure.addEventListener("blur", clear);
    figure.addEventListener("change", clear);
    figure.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -1e9, End: 1e9 }[event.key];
      if (event.key === "Escape") return clear();
      if (!step || event.target !== figure) return;
      event.preventDefault();
      show(Math.min(Math.max(at < 0 && step > 0 ? 0 : at + step, 0), data.labels.length - 1));
    });
  };
  document.querySelectorAll("figure.pointed").forEach(point);

  // A row that explains a line lights it up, and its button takes it away.
  document.querySelectorAll("tr[data-line]").forEach((row) => {
    const name = row.dataset.line, figures = [...row.closest(".block").querySelectorAll("figure.pointed")];
    const lines = figures.flatMap((f) => [...f.querySelectorAll("path.line")]).filter((l) => name.split(" ").every((c) => l.classList.contains(c)) && l.classList.contains("again") === name.includes("again"));
    if (!lines.length) return;
    const light = (on) => {
      figures.forEach((f) => f.classList.toggle("lit", on));
      lines.forEach((l) => l.classList.toggle("lit", on));
      row.classList.toggle("lit", on);
    };
    row.addEventListener("pointerenter", () => light(true));
    row.addEventListener("pointerleave", () => light(false));
    const head = row.querySelector("th"), button = document.createElement("button");
    button.type = "button";
    button.title = "show or hide this line";
    button.setAttribute("aria-pressed", "true");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const off = button.getAttribute("aria-pressed") === "true";
      button.setAttribute("aria-pressed", String(!off));
      row.classList.toggle("unlit", off);
      lines.forEach((l) => l.classList.toggle("off", off));
      figures.forEach((f) => {
        const gone = new Set((f.dataset.off || "").split("|").filter(Boolean));
        if (off) gone.add(name); else gone.delete(name);
        f.dataset.off = [...gone].join("|");
      });
    });
  });
};
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
if (document.getElementById("data")) enliven();
