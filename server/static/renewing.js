// Pages that change by themselves are renewed: htmx asks the server every so often, and this file decides when not to,
// and keeps what a person was doing. Without scripts the pages are the same and stay as they were made.
(() => {
  "use strict";

  const part = document.getElementById("renewed");
  const when = document.getElementById("renewal");
  const news = document.getElementById("renewal-news");
  if (!part) return;

  let mark = "";
  let before = null;

  const isChanged = (field) => {
    if (field.tagName === "SELECT") {
      const first = [...field.options].findIndex((option) => option.defaultSelected);
      return field.selectedIndex !== Math.max(first, 0);
    }
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.type === "file") return field.files.length > 0;
    return field.type !== "hidden" && field.value !== field.defaultValue;
  };

  // Whatever was typed, chosen or marked would be gone.
  const isInUse = () => {
    const marked = document.getSelection();
    return (
      (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) ||
      (marked && !marked.isCollapsed && part.contains(marked.anchorNode)) ||
      [...part.querySelectorAll("input, select, textarea")].some(isChanged)
    );
  };

  const named = (element) =>
    [element.tagName, element.getAttribute("href"), element.getAttribute("aria-label"), element.textContent].join("|");
  const summaryOf = (details) => words(details.querySelector("summary"));
  // How long ago something was changes with every minute, and is no news.
  const words = (element) => {
    const copy = element.cloneNode(true);
    copy.querySelectorAll(".age").forEach((age) => age.remove());
    return copy.textContent;
  };

  const remember = () => ({
    words: words(part),
    focused: part.contains(document.activeElement) ? named(document.activeElement) : null,
    open: new Map([...part.querySelectorAll("details")].map((one) => [summaryOf(one), one.open])),
    scrolled: [...part.querySelectorAll(".scroll")].map((one) => one.scrollLeft),
  });

  const recall = (kept) => {
    for (const one of part.querySelectorAll("details")) {
      const summary = summaryOf(one);
      if (kept.open.has(summary)) one.open = kept.open.get(summary);
    }
    part.querySelectorAll(".scroll").forEach((one, place) => {
      one.scrollLeft = kept.scrolled[place] || 0;
    });
    const focused =
      kept.focused && [...part.querySelectorAll("a, button, summary, [tabindex]")].find((one) => named(one) === kept.focused);
    if (focused) focused.focus({ preventScroll: true });
  };

  // The server's time, where its answer or a proxy's tells it once.
  const at = (request) => {
    const told = Date.parse(request.getResponseHeader("Date"));
    return `${new Date(Number.isNaN(told) ? Date.now() : told).toISOString().slice(11, 19)} UTC`;
  };

  part.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden) event.preventDefault();
    else if (isInUse()) {
      event.preventDefault();
      when.textContent = "Not renewed while a form is filled in or text is marked.";
    }
  });

  part.addEventListener("htmx:configRequest", (event) => {
    if (mark) event.detail.headers["If-None-Match"] = mark;
  });

  part.addEventListener("htmx:beforeSwap", (event) => {
    const answer = event.detail.xhr;
    if (answer.status === 304) {
      when.textContent = `Renewed at ${at(answer)}.`;
    } else if (event.detail.shouldSwap && isInUse()) {
      // Somebody began while the answer was under way: the next one will do.
      event.detail.shouldSwap = false;
    } else if (event.detail.shouldSwap) {
      mark = answer.getResponseHeader("ETag") || "";
      before = remember();
    }
  });

  part.addEventListener("htmx:afterSwap", (event) => {
    recall(before);
    const time = at(event.detail.xhr);
    when.textContent = `Renewed at ${time}.`;
    if (words(part) !== before.words) news.textContent = `This page has changed: renewed at ${time}.`;
  });

  const failed = () => {
    when.textContent = "Could not be renewed: the server does not answer as it should. Tried again by itself.";
  };
  part.addEventListener("htmx:responseError", failed);
  part.addEventListener("htmx:sendError", failed);
  part.addEventListener("htmx:timeout", failed);

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) htmx.trigger(part, "renew");
  });
})();
