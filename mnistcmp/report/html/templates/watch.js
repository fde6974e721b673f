// Keeps the page fresh: asks once a second, and replaces what has changed. Where no launch goes on,
// it waits for the next one.
const isOver = document.getElementById("over") !== null;
const parts = ["live-now", "live-silence", "live-conditions", "live-curves", "live-where", "live-failures"];
let report = 0;

function parsed(html) {
  return new DOMParser().parseFromString(html, "text/html");
}

// What is open, scrolled to or focused stays so.
function replace(now, then) {
  for (const details of now.querySelectorAll("details[open]")) {
    then.querySelector(`#${CSS.escape(details.id)}`)?.setAttribute("open", "");
  }
  const scrolled = [...now.querySelectorAll(".scroll")].map((part) => part.scrollLeft);
  const focused = [...now.querySelectorAll("[tabindex], summary")].indexOf(document.activeElement);
  now.replaceChildren(...then.childNodes);
  now.querySelectorAll(".scroll").forEach((part, place) => { part.scrollLeft = scrolled[place] ?? 0; });
  if (focused >= 0) {
    now.querySelectorAll("[tabindex], summary")[focused]?.focus({ preventScroll: true });
  }
}

function showLive(html) {
  const fresh = parsed(html);
  for (const id of parts) {
    const now = document.getElementById(id);
    const then = fresh.getElementById(id);
    if (now.dataset.shown !== then.innerHTML) {
      const text = then.innerHTML;
      replace(now, then);
      now.dataset.shown = text;
    }
  }
}

async function showReport(number) {
  const answer = await fetch("report", { cache: "no-store" });
  const main = parsed(await answer.text()).querySelector("main");
  main.querySelectorAll("h1, footer, script, #over").forEach((part) => part.remove());
  const title = document.createElement("h2");
  title.textContent = "What is stored so far";
  main.prepend(title);
  replace(document.getElementById("report"), main);
  report = number;
}

async function look() {
  const lost = document.getElementById("lost") ?? {};
  try {
    const answer = await fetch("live", { cache: "no-store" });
    const told = await answer.json();
    lost.hidden = true;
    if (isOver !== (told.live === null)) {
      // It has ended, or one has begun: from here on this is another page.
      location.reload();
      return;
    }
    if (!isOver) {
      showLive(told.live);
      if (told.report > report) {
        await showReport(told.report);
      }
    }
  } catch {
    lost.hidden = false;
  }
  setTimeout(look, 1000);
}

setTimeout(look, 1000);
