// Shows the part of the page that the address asks for. The server makes it, for
// those who have its token; here it is put in its place, and never run: a document
// that a parser makes has no scripting, and the policy allows none in the page.
"use strict";
(() => {
  const page = document.getElementById("page"), kept = "grpc-bench-token";
  let asked = 0, shown = "", pause = 0;

  // The token comes with the first address, and no further: not into the history
  // of the browser, not into links.
  const take = () => {
    if (!location.hash.startsWith("#token=")) return false;
    sessionStorage.setItem(kept, location.hash.slice("#token=".length));
    history.replaceState(null, "", location.pathname + location.search);
    return true;
  };

  const say = (text) => {
    const main = document.createElement("main"), note = main.appendChild(document.createElement("p"));
    note.className = "problem";
    note.setAttribute("role", "alert");
    note.textContent = text;
    page.replaceChildren(main);
    document.title = "grpc-bench";
  };

  // get returns the part of an address as a document; nothing if a later one was
  // asked for meanwhile, or if there is a problem, which it says.
  const get = async () => {
    const turn = ++asked;
    page.setAttribute("aria-busy", "true");
    let answer, text;
    try {
      answer = await fetch("/part" + (location.pathname === "/" ? "/runs" : location.pathname) + location.search,
        { headers: { "Grpc-Bench-Token": sessionStorage.getItem(kept) || "" }, cache: "no-store", credentials: "omit", redirect: "error" });
      text = await answer.text();
    } catch {
      text = "grpc-bench ui does not answer: it may have ended. Start it again and open the address it prints.";
    }
    if (turn !== asked) return null;
    page.removeAttribute("aria-busy");
    if (answer && answer.ok) return new DOMParser().parseFromString(text, "text/html");
    if (answer && answer.status === 401) text = "This tab does not have the key to the results. Open the whole address that grpc-bench ui printed, up to the end of #token=…";
    say(text);
    return null;
  };

  const show = async (focus) => {
    shown = location.pathname + location.search;
    const part = await get();
    if (!part) return;
    const here = document.activeElement; // the reader may have moved on meanwhile
    if (focus && page.contains(here) && here.id) focus = here.id;
    page.replaceChildren(...part.body.childNodes);
    const title = page.querySelector("h1");
    document.title = (title ? title.textContent + " · " : "") + "grpc-bench";
    if (document.getElementById("data")) enliven();
    const target = document.getElementById(focus || location.hash.slice(1));
    if (target && focus) target.focus();
    else if (target) target.scrollIntoView();
  };

  // go shows another view of the same page and keeps the focus where it was.
  const go = (search, focus) => {
    history.pushState(null, "", location.pathname + search);
    show(focus);
  };
  const query = (form) => {
    const q = new URLSearchParams([...new FormData(form)].filter(([, v]) => v !== ""));
    return q.size ? "?" + q : "";
  };

  page.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-stay]");
    if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(link.search, link.id || "q"); // a tag is what is filtered by
  });
  page.addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.target;
    if (form.id === "pair") location.assign("/compare" + query(form));
    else {
      clearTimeout(pause);
      go(query(form), (event.submitter || document.activeElement).id);
    }
  });
  page.addEventListener("change", (event) => {
    const e = event.target;
    if (e.type !== "radio" || !e.closest("#rows")) return;
    const q = new URLSearchParams(location.search);
    q.set(e.name, e.value);
    go("?" + q, e.id);
  });

  // The list follows what is typed; the line that is typed in stays.
  page.addEventListener("input", (event) => {
    const form = event.target.closest("#filter");
    if (!form) return;
    clearTimeout(pause);
    pause = setTimeout(async () => {
      history.replaceState(null, "", location.pathname + query(form));
      shown = location.pathname + location.search;
      const part = await get();
      if (!part) return;
      document.getElementById("rows").replaceWith(part.getElementById("rows"));
      document.getElementById("count").textContent = part.getElementById("count").textContent;
    }, 150);
  });

  for (const link of document.querySelectorAll(".top a")) if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
  addEventListener("popstate", () => { if (shown !== location.pathname + location.search) show(); });
  addEventListener("hashchange", () => { if (take()) show(); });
  take();
  show();
})();
