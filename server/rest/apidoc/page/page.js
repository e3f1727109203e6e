// What the page of the API's description does beyond being read: the real address
// in commands, a button to copy them, a filter for the contents, and folds that
// open when a link leads into them.
"use strict";

const origin = new URL(".", document.baseURI).href.replace(/\/$/, "");
for (const code of document.querySelectorAll(".command code")) {
  code.textContent = code.textContent.replace("http://localhost:8080", origin);
}

if (navigator.clipboard) {
  for (const figure of document.querySelectorAll("figure")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(figure.querySelector("code").textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not copied";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    figure.querySelector("figcaption").append(button);
  }
}

const menu = document.querySelector(".menu");
const narrow = matchMedia("(max-width: 52rem)");
const fitMenu = () => { menu.open = !narrow.matches; };
narrow.addEventListener("change", fitMenu);
fitMenu();
menu.addEventListener("click", (event) => {
  if (narrow.matches && event.target.closest("nav a")) {
    menu.open = false;
  }
});

const filter = document.createElement("input");
filter.type = "search";
filter.placeholder = "Filter";
filter.setAttribute("aria-label", "Filter operations");
filter.addEventListener("input", () => {
  const wanted = filter.value.trim().toLowerCase();
  for (const list of menu.querySelectorAll("nav ul")) {
    let shown = 0;
    for (const item of list.children) {
      const link = item.querySelector("a");
      const text = link.textContent + " " + link.hash;
      item.hidden = !text.toLowerCase().includes(wanted);
      shown += item.hidden ? 0 : 1;
    }
    list.previousElementSibling.hidden = shown === 0;
  }
});
menu.querySelector("nav").before(filter);

const reveal = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let at = target; at; at = at.parentElement) {
    if (at.tagName === "DETAILS") {
      at.open = true;
    }
  }
};
addEventListener("hashchange", reveal);
reveal();

const links = new Map();
for (const link of menu.querySelectorAll("nav li a")) {
  links.set(link.hash.slice(1), link);
}
const inView = new Set();
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    inView[entry.isIntersecting ? "add" : "delete"](entry.target.id);
  }
  let marked = false;
  for (const [id, link] of links) {
    const current = !marked && inView.has(id);
    marked ||= current;
    link.toggleAttribute("aria-current", current);
    if (current) {
      link.setAttribute("aria-current", "true");
    }
  }
}, { rootMargin: "-10% 0px -70% 0px" });
for (const operation of document.querySelectorAll(".operation")) {
  watcher.observe(operation);
}
