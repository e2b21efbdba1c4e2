// Searches the sections of all pages in the browser. The index is loaded once, at the first key.
const form = document.querySelector("form[role=search]");
const field = document.querySelector("#search");
const found = document.querySelector("#found");
const article = document.querySelector("article");
const FOUND_MAX = 30;
let index;

function load() {
  index ??= fetch(form.dataset.index)
    .then((answer) => answer.json())
    .catch((error) => {
      index = undefined; // the next key tries again
      throw error;
    });
  return index;
}

function rank(section, words) {
  const title = section.title.toLowerCase();
  const text = `${title} ${section.text.toLowerCase()}`;
  if (!words.every((word) => text.includes(word))) return 0;
  return 1 + words.filter((word) => title.includes(word)).length;
}

function excerpt(text, word) {
  const at = Math.max(0, text.toLowerCase().indexOf(word) - 60);
  return `${at ? "…" : ""}${text.slice(at, at + 180)}${at + 180 < text.length ? "…" : ""}`;
}

function line(section, word) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = section.address;
  link.textContent = section.title;
  const text = document.createElement("p");
  text.textContent = excerpt(section.text, word);
  item.append(link, text);
  return item;
}

async function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  found.hidden = words.length === 0;
  article.hidden = words.length > 0;
  if (words.length === 0) return;
  const asked = field.value;
  const sections = await load();
  if (field.value !== asked) return;
  const ranked = sections
    .map((section) => [rank(section, words), section])
    .filter(([points]) => points > 0)
    .sort(([one], [other]) => other - one);
  const heading = document.createElement("h1");
  heading.textContent = ranked.length ? `Found in ${ranked.length} sections` : "Nothing found";
  const list = document.createElement("ol");
  list.append(...ranked.slice(0, FOUND_MAX).map(([, section]) => line(section, words[0])));
  found.replaceChildren(heading, list);
}

form.hidden = false;
form.addEventListener("submit", (event) => event.preventDefault());
field.addEventListener("input", search);
found.addEventListener("click", (event) => {
  if (event.target.closest("a")) {
    // A section of this page: show it again.
    field.value = "";
    search();
  }
});
